"""The GTEx set: fine-mapped eQTL SNVs, and negatives near them of about the same frequency.

A positive is an SNV with a PIP above `pip` in some data set and above `pip_everywhere` wherever it
is in a credible set, that overlaps neither a protein-coding gene nor a gene that it is associated
with. A negative is an SNV within `distance` of a positive, with no PIP of `pip_negative` or more
anywhere, that overlaps no protein-coding gene and whose MAF differs by at most `maf_tolerance`.

Source: science.md, "Enrichment"; Rakowski 2024, section 3.3 (btae403). The tolerance and the number
of negatives a positive are not stated there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mfdvep.enrichment.sets.counts import Counts
from mfdvep.enrichment.sets.gtex_files import (
    CredibleSets,
    Frequencies,
    Near,
    Progress,
    read_credible_sets,
    read_frequencies,
)
from mfdvep.enrichment.sets.labelled import NEGATIVE, POSITIVE, Labelled, LabelledSet
from mfdvep.errors import InputError
from mfdvep.genomics.genes import Annotation


@dataclass(frozen=True)
class GtexRules:
    """The rules; see the module. Distances in bases, `per_positive` negatives at most."""

    pip: float = 0.95
    pip_everywhere: float = 0.5
    pip_negative: float = 0.05
    distance: int = 5000
    maf_tolerance: float = 0.05
    per_positive: int = 1

    def sentences(self) -> tuple[str, ...]:
        """Return the rules in words."""
        return (
            f"LABEL 1: SNV with a PIP above {self.pip:g} in a data set and above "
            f"{self.pip_everywhere:g} in all credible sets that it is in, overlapping neither a "
            "protein-coding gene nor an associated gene",
            f"LABEL 0: SNV within {self.distance} bp of a positive, every PIP below "
            f"{self.pip_negative:g}, overlapping no protein-coding gene, MAF within "
            f"{self.maf_tolerance:g}; the nearest in MAF, up to {self.per_positive} a positive",
            "MATCH: the positives that a variant belongs to, by their IDs; MAF: mean over the data "
            "sets that report it; PIP: the largest, 0 in no credible set",
        )


class Site(NamedTuple):
    """An SNV with its MAF; `pos` 1-based."""

    chrom: str
    pos: int
    ref: str
    alt: str
    maf: float


def build_gtex(
    sets: dict[str, Path],
    sums: dict[str, Path],
    annotation: Annotation,
    rules: GtexRules,
    *,
    progress: Callable[[str], Progress] = lambda _: None,
) -> LabelledSet:
    """Return the GTEx set.

    Parameters
    ----------
    sets, sums
        Data set -> credible sets, and -> summary statistics.
    progress
        Given the name of a step, returns its callback or None.

    Raises
    ------
    InputError
        See `read_credible_sets` and `read_frequencies`; no positive or no negative is left; no
        contig or no associated gene is in the annotation; no summary statistics near.
    """
    found = read_credible_sets(sets, support=rules.pip_everywhere,
                               progress=progress("reading credible sets"))  # fmt: skip
    chosen, counts = _candidates(found, annotation, rules)
    near = Near(((site.chrom, site.pos) for site in map(_site, chosen)), rules.distance)
    frequencies = read_frequencies(sums, near, progress=progress("reading summary statistics"))
    if not frequencies.n:
        raise InputError(
            f"{_few(sums)}: no SNV with a MAF within {rules.distance} bp of the {len(chosen)} "
            f"candidates on {_few({_site(k).chrom for k in chosen})}; contigs of these files: "
            f"{_few(frequencies.contigs)}; give summary statistics of the same data sets"
        )
    positives = []
    for name in chosen:
        maf = frequencies.maf(name)
        if maf is None:
            counts.remove("without a MAF in the summary statistics")
        else:
            positives.append(_site(name, maf))
    pool, pool_counts = _pool(frequencies, found, annotation, rules)
    matches = match(positives, pool, rules)
    groups: dict[int, list[str]] = {}
    variants = []
    for site, chosen_negatives in zip(positives, matches, strict=True):
        if not chosen_negatives:
            counts.remove("without a negative")
            continue
        counts.keep()
        name = "_".join(map(str, site[:4]))
        at = found.index[name]
        variants.append(_labelled(site, POSITIVE, [name], found, {
            "gene": tuple(sorted(found.genes[at])), "tissue": tuple(sorted(found.datasets[at]))
        }))  # fmt: skip
        for i in chosen_negatives:
            groups.setdefault(i, []).append(name)
    if not groups:
        raise InputError(
            f"no positive has a negative: {counts}; {pool_counts}; widen --distance or "
            "--maf-tolerance"
        )
    pool_counts.keep(len(groups))
    pool_counts.remove("matched to no positive", len(pool) - len(groups))
    variants += [_labelled(pool[i], NEGATIVE, names, found, {}) for i, names in groups.items()]
    told = (found.counts, counts, frequencies.counts, pool_counts)
    return LabelledSet(variants, told, {}, rules.sentences())


def match(positives: Sequence[Site], pool: Sequence[Site], rules: GtexRules) -> list[list[int]]:
    """Return, for each positive, the numbers of its negatives in the pool, best first.

    Within the distance and the tolerance those nearest in MAF are taken, then nearest in position,
    then the first in the genome. A negative may be taken for several positives.

    Parameters
    ----------
    pool
        In the order of contigs as text, then of positions.
    """
    places = [(site.chrom, site.pos) for site in pool]
    found = []
    for site in positives:
        at = bisect_left(places, (site.chrom, site.pos - rules.distance))
        ranked = []
        while at < len(pool) and places[at] <= (site.chrom, site.pos + rules.distance):
            off = abs(pool[at].maf - site.maf)
            # .15 - .1 is a little above .05
            if off <= rules.maf_tolerance + 1e-12:
                ranked.append((off, abs(pool[at].pos - site.pos), at))
            at += 1
        found.append([at for *_, at in sorted(ranked)[: rules.per_positive]])
    return found


def _candidates(
    found: CredibleSets, annotation: Annotation, rules: GtexRules
) -> tuple[list[str], Counts]:
    """Return the SNVs that are positives but for their negatives, and counts not yet complete."""
    low = f"with no PIP above {rules.pip:g}"
    mixed = f"with a PIP of at most {rules.pip_everywhere:g} elsewhere"
    unknown, coding = "with an associated gene that the GTF lacks", "in a protein-coding gene"
    own = "in an associated gene"
    counts = Counts("SNVs in credible sets", "positives", [low, mixed, coding, unknown, own])
    counts.read(len(found.index))
    fine: list[tuple[str, int]] = []
    for name, at in found.index.items():
        if found.highest[at] <= rules.pip:
            counts.remove(low)
        elif found.lowest[at] <= rules.pip_everywhere:
            counts.remove(mixed)
        else:
            fine.append((name, at))
    if not fine:
        raise InputError(f"no positive: {counts}; lower --pip, or give more data sets")
    contigs = {_site(name).chrom for name, _ in fine}
    if not any(map(annotation.everything.stretches, contigs)):
        raise InputError(
            f"{annotation.path}: no gene on {_few(contigs)}, where the positives are; its contigs: "
            f"{_few(annotation.everything.contigs)}; give an annotation of the same assembly"
        )
    genes = set().union(*(found.genes[at] for _, at in fine))
    if not genes & annotation.places.keys():
        raise InputError(
            f"{annotation.path}: none of the {len(genes)} associated genes, such as {min(genes)}; "
            f"its genes are such as {annotation.genes[0].id}; give GENCODE's or Ensembl's GTF"
        )
    kept = []
    for name, at in fine:
        site = _site(name)
        stretch = site.chrom, site.pos - 1, site.pos
        places = [annotation.places.get(gene) for gene in found.genes[at]]
        if annotation.protein_coding.overlaps(*stretch):
            counts.remove(coding)
        elif None in places:
            counts.remove(unknown)
        elif any(place is not None and place.overlaps(*stretch) for place in places):
            counts.remove(own)
        else:
            kept.append(name)
    if not kept:
        raise InputError(f"no positive: {counts}; give more data sets")
    return kept, counts


def _pool(
    frequencies: Frequencies, found: CredibleSets, annotation: Annotation, rules: GtexRules
) -> tuple[list[Site], Counts]:
    """Return the SNVs that may be negatives, sorted, and counts not yet complete."""
    high = f"with a PIP of {rules.pip_negative:g} or more"
    coding = "in a protein-coding gene"
    what = f"SNVs within {rules.distance} bp of a candidate"
    counts = Counts(what, "negatives", [high, coding])
    counts.read(len(frequencies.n))
    pool = []
    for name in frequencies.n:
        site = _site(name, frequencies.maf(name) or 0.0)
        if found.max_pip(name) >= rules.pip_negative:
            counts.remove(high)
        elif annotation.protein_coding.overlaps(site.chrom, site.pos - 1, site.pos):
            counts.remove(coding)
        else:
            pool.append(site)
    return sorted(pool), counts


def _site(name: str, maf: float = 0.0) -> Site:
    chrom, pos, ref, alt = name.rsplit("_", 3)
    return Site(chrom, int(pos), ref, alt, maf)


def _labelled(
    site: Site, label: float, groups: list[str], found: CredibleSets, more: dict
) -> Labelled:
    pip = found.max_pip("_".join(map(str, site[:4])))
    values = {"match_group": tuple(groups), "maf": site.maf, "pip": pip, **more}
    return Labelled(*site[:4], label, values)


def _few(names: object) -> str:
    listed = sorted(map(str, names))  # type: ignore[call-overload]
    return ", ".join(listed[:5]) + (" ..." if len(listed) > 5 else "")
