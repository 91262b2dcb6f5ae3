"""The eQTL Catalogue's tables: SuSiE credible sets, and summary statistics near some variants.

Credible sets, DATASET.credible_sets.tsv.gz, a row a variant of a set: molecular_trait_id, gene_id,
cs_id, variant (chr1_12345_A_G), rsid, cs_size, pip, pvalue, beta, se, z, cs_min_r2, region. A
variant that is in no set of a data set has no row, so its PIP there is small but not known.

Summary statistics, DATASET.all.tsv.gz or .cc.tsv.gz, a row a molecular trait and variant:
molecular_trait_id, chromosome (no chr), position (1-based), ref, alt, variant, ma_samples, maf,
pvalue, beta, se, type, ac, an, r2, molecular_trait_object_id, gene_id, median_tpm, rsid. A variant
has a row for every gene near it, and another row for every rsid that it goes by.

Columns are found by their names, so other columns and another order do no harm.

Source: github.com/eQTL-Catalogue/eQTL-Catalogue-resources, tabix/Columns.md, and the README of the
FTP folders (releases 5 to 7; Kerimov 2021, 2023).
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mfdvep.enrichment.sets.counts import Counts
from mfdvep.enrichment.sets.tables import MISSING, Table
from mfdvep.errors import InputError
from mfdvep.genomics.genes import without_version

NOT_SNV = "not an SNV"
_REPORT_EVERY = 100_000  # rows
_ENDING = re.compile(r"(.+?)\.(credible_sets|all|cc)(?:\.tsv(?:\.gz)?|\.parquet)")

Progress = Callable[[int, None], None] | None


def find_files(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return data set -> its credible sets, and data set -> its summary statistics, in a folder.

    They are found at any depth, by their names. Of .all and .cc of a data set .all is taken, which
    has all that .cc has.

    Raises
    ------
    InputError
        No such folder; one kind of file is missing; two files of one data set.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give one with the eQTL Catalogue's files")
    found: dict[str, dict[str, Path]] = {"credible_sets": {}, "all": {}, "cc": {}}
    for path in sorted(folder.rglob("*")):
        match = _ENDING.fullmatch(path.name)
        if match is None or not path.is_file():
            continue
        name, kind = match.groups()
        if name in found[kind]:
            raise InputError(f"{path}: {found[kind][name]} is of {name} too; keep one of them")
        found[kind][name] = path
    sets, sums = found["credible_sets"], found["cc"] | found["all"]
    for files, ending in ((sets, "credible_sets.tsv.gz"), (sums, "all.tsv.gz or .cc.tsv.gz")):
        if not files:
            raise InputError(
                f"{folder}: no file DATASET.{ending}; download them: "
                f"mfdvep variants gtex {folder} --download --dataset QTD000116"
            )
    return sets, sums


@dataclass
class CredibleSets:
    """What credible sets say of SNVs, by CHROM_POS_REF_ALT with chr.

    Attributes
    ----------
    index
        SNV -> its place in `highest` and `lowest`.
    highest, lowest
        Largest and smallest PIP over all rows.
    genes, datasets
        Place -> genes without version, and data sets, in rows with a PIP above `support`.
    counts
        Of rows.
    """

    index: dict[str, int]
    highest: array[float]
    lowest: array[float]
    genes: dict[int, set[str]]
    datasets: dict[int, set[str]]
    counts: Counts

    def max_pip(self, key: str) -> float:
        """Return the largest PIP of an SNV; 0 where it is in no credible set."""
        at = self.index.get(key)
        return 0.0 if at is None else self.highest[at]


def read_credible_sets(
    files: Mapping[str, Path], *, support: float, progress: Progress = None
) -> CredibleSets:
    """Return the SNVs of credible sets.

    Parameters
    ----------
    files
        Data set -> file.
    support
        PIP above which a row's gene and data set are kept.

    Raises
    ------
    InputError
        See `Table`; a variant that is not CHROM_POS_REF_ALT; a PIP that is no number of 0 to 1.
    """
    counts = Counts("rows of credible sets", "rows of SNVs", [NOT_SNV])
    found = CredibleSets({}, array("d"), array("d"), {}, {}, counts)
    for dataset, path in files.items():
        with Table(path, ["variant", "pip", "gene_id"], ["molecular_trait_id"]) as table:
            at_variant, at_pip, at_gene = (table.place[c] for c in ("variant", "pip", "gene_id"))
            at_trait = table.place.get("molecular_trait_id", at_gene)
            for number, line in table:
                fields = table.fields(number, line)
                counts.read()
                if progress is not None and counts.n_read % _REPORT_EVERY == 0:
                    progress(counts.n_read, None)
                key = _key_of(fields[at_variant], table, number)
                if key is None:
                    counts.remove(NOT_SNV)
                    continue
                counts.keep()
                pip = table.number(number, fields[at_pip], "pip")
                if not 0 <= pip <= 1.001:  # SuSiE's may end in a rounding error
                    raise InputError(f"{table.name}:{number}: pip {pip}; expected 0 to 1")
                at = found.index.setdefault(key, len(found.highest))
                if at == len(found.highest):
                    found.highest.append(pip)
                    found.lowest.append(pip)
                else:
                    found.highest[at] = max(found.highest[at], pip)
                    found.lowest[at] = min(found.lowest[at], pip)
                if pip > support:
                    gene = fields[at_gene]
                    gene = fields[at_trait] if gene in MISSING else gene
                    found.genes.setdefault(at, set()).add(without_version(gene))
                    found.datasets.setdefault(at, set()).add(dataset)
    return found


def _key_of(variant: str, table: Table, number: int) -> str | None:
    """Return the key of a variant as credible sets spell it; None if it is no SNV."""
    parts = variant.rsplit("_", 3)
    if len(parts) != 4 or not parts[1].isdecimal() or not parts[0]:
        raise InputError(
            f"{table.name}:{number}: variant {variant[:60]!r}; expected such as chr1_12345_A_G"
        )
    return key(*parts)


def key(chrom: str, pos: str, ref: str, alt: str) -> str | None:
    """Return chrCHROM_POS_REF_ALT of an SNV; None of any other variant."""
    if len(ref) != 1 or len(alt) != 1 or ref not in "ACGT" or alt not in "ACGT" or ref == alt:
        return None
    return f"{chrom if chrom.startswith('chr') else f'chr{chrom}'}_{pos}_{ref}_{alt}"


class Near:
    """Tells whether a position is within some distance of one of many.

    Parameters
    ----------
    positions
        Contig, with or without chr, and 1-based position of each.
    distance
        Bases.
    """

    def __init__(self, positions: Iterable[tuple[str, int]], distance: int) -> None:
        self._distance = distance
        self._places: dict[str, list[int]] = {}
        self._coarse: dict[str, set[int]] = {}  # stretches of `distance` bases that may have one
        for chrom, pos in positions:
            self._places.setdefault(chrom.removeprefix("chr"), []).append(pos)
        for chrom, places in self._places.items():
            places.sort()
            at = {pos // (distance + 1) for pos in places}
            self._coarse[chrom] = {x + step for x in at for step in (-1, 0, 1)}

    def __call__(self, chrom: str, pos: int) -> bool:
        """Return whether a 1-based position is near one."""
        chrom = chrom.removeprefix("chr")
        # most rows are far from all, which this tells in a tenth of a microsecond
        if pos // (self._distance + 1) not in self._coarse.get(chrom, ()):
            return False
        places = self._places[chrom]
        at = bisect_left(places, pos - self._distance)
        return at < len(places) and places[at] <= pos + self._distance


@dataclass
class Frequencies:
    """Minor allele frequencies of SNVs, by chrCHROM_POS_REF_ALT; counts of rows.

    A variant's MAF differs by data set, whose donors differ: `maf` is the mean over the data sets
    that report it, each counted once.
    """

    counts: Counts
    sums: dict[str, float] = field(default_factory=dict)
    n: dict[str, int] = field(default_factory=dict)
    contigs: set[str] = field(default_factory=set)

    def maf(self, key: str) -> float | None:
        """Return the mean MAF of an SNV, None where no data set reports one."""
        return self.sums[key] / self.n[key] if key in self.n else None


def read_frequencies(
    files: Mapping[str, Path], near: Near, *, progress: Progress = None
) -> Frequencies:
    """Return the MAF of every SNV near some, from summary statistics that are read as a stream.

    Parameters
    ----------
    files
        Data set -> file; 10^8 rows are usual.
    near
        Which positions are kept.

    Raises
    ------
    InputError
        See `Table`; a position or a MAF that is no number; a row cut off.
    """
    far, none = "far from every candidate", "without a MAF"
    again = "of an SNV that the data set had before (another gene or rsid)"
    what = "rows of summary statistics"
    counts = Counts(what, "SNVs of data sets", [far, NOT_SNV, none, again])
    found = Frequencies(counts)
    for path in files.values():
        seen: set[str] = set()
        with Table(path, ["chromosome", "position", "ref", "alt", "maf"]) as table:
            at_chrom, at_pos, at_ref, at_alt, at_maf = table.place.values()
            n_head = max(at_chrom, at_pos) + 1
            n_rows = n_far = 0
            for number, line in table:
                n_rows += 1
                if progress is not None and n_rows % _REPORT_EVERY == 0:
                    progress(counts.n_read + n_rows, None)
                head = line.split("\t", n_head)
                if len(head) < n_head or not head[at_pos].isdecimal():
                    table.fields(number, line)
                    raise InputError(
                        f"{table.name}:{number}: position {head[at_pos][:30]!r} is no number; get "
                        "the file again"
                    )
                if not near(head[at_chrom], int(head[at_pos])):
                    if n_far % 1000 == 0:
                        found.contigs.add(head[at_chrom])
                    n_far += 1
                    continue
                fields = table.fields(number, line)
                name = key(head[at_chrom], head[at_pos], fields[at_ref], fields[at_alt])
                if name is None:
                    counts.remove(NOT_SNV)
                elif name in seen:
                    counts.remove(again)
                elif fields[at_maf] in MISSING:
                    counts.remove(none)
                else:
                    maf = table.number(number, fields[at_maf], "maf")
                    seen.add(name)
                    counts.keep()
                    found.sums[name] = found.sums.get(name, 0.0) + maf
                    found.n[name] = found.n.get(name, 0) + 1
        counts.read(n_rows)
        counts.remove(far, n_far)
    return found
