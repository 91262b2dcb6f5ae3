"""Sets of variants for gene-based tests: the files of regenie and SAIGE-GENE+.

Weights are at least 0 in them, so that signed weightings are left out; one file of weights each.

Source: regenie's documentation, "Options", gene-based testing: annotation file "VARIANT SET
ANNOTATION [WEIGHT]" (`--anno-file`, `--weights-col 4`), set list "SET CHROM POS VARIANT,VARIANT"
(`--set-list`), mask definitions "MASK ANNOTATION,ANNOTATION" (`--mask-def`). SAIGE's
documentation, "Set-based test, step 2", and its example group_new_chrposa1a2_withWeights.txt: three
lines a set, "SET var ...", "SET anno ...", "SET weight ...", with variants as CHROM:POS:REF:ALT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mfdvep.cohort.counting import USED, Seen
from mfdvep.cohort.region_set import RegionSet, bare
from mfdvep.cohort.weighting import Weighting
from mfdvep.errors import InputError

ANNOTATION, MASK = "scored", "scored"
"""What every variant of the sets is, and the mask of them all."""
_Member = tuple[str, str, int]  # id for regenie, id for SAIGE, number of its weights


class SetFiles:
    """Collects the ALTs that count, by region and contig, and writes them.

    Memory: some 350 bytes an ALT and region.

    Parameters
    ----------
    regions
        Their names are those of the sets; a region on two contigs makes two sets, NAME.CONTIG.
    weightings
        In the order of an ALT's weights.

    Raises
    ------
    InputError
        Every weighting is signed; a region's name has a space, which ends a field in the files.
    """

    def __init__(self, regions: RegionSet, weightings: Sequence[Weighting]) -> None:
        self._regions = regions
        self._kept = [(i, one) for i, one in enumerate(weightings) if one.is_never_negative]
        if not self._kept:
            raise InputError(
                "sets for regenie and SAIGE need weights that are at least 0: give --weight "
                "biological:absolute, :quantile or unweighted too"
            )
        if wrong := next((name for name in regions.names if set(name) & set(" \t,")), ""):
            raise InputError(
                f"region {wrong!r}: sets for regenie and SAIGE have no spaces or commas in their "
                "names; rename it"
            )
        self._members: dict[tuple[int, str], list[_Member]] = {}
        self._weights: list[list[float]] = []
        self._seen: dict[str, str] = {}

    def add(self, seen: Seen) -> None:
        """Take an ALT if it counts; raises InputError for an id that another has."""
        if seen.status != USED or seen.weights is None:
            return
        record, alt = seen.record, seen.record.alts[seen.allele - 1]
        place = f"{record.chrom}:{record.pos}:{record.ref}:{alt}"
        name = record.id if record.id and len(record.alts) == 1 else place
        for one in dict.fromkeys((name, place)):
            if one in self._seen:
                raise InputError(
                    f"variant {one} at {place} is at {self._seen[one]} too; the ids of sets must "
                    "be unique: bcftools norm --rm-dup exact, or bcftools annotate --set-id"
                )
            self._seen[one] = place
        for region in seen.regions:
            members = self._members.setdefault((region, bare(record.chrom)), [])
            members.append((name, place, len(self._weights)))
        self._weights.append([float(seen.weights[i]) for i, _ in self._kept])

    def regenie(self, prefix: Path) -> dict[Path, str]:
        """Return path -> text: PREFIX.WEIGHT.annotations, PREFIX.setlist, PREFIX.masks."""
        files = {}
        for at, path in enumerate(regenie_files(prefix, [one for _, one in self._kept])[:-2]):
            files[path] = "".join(
                f"{name} {region} {ANNOTATION} {self._weights[weights][at]:.9g}\n"
                for region, _, members in self._sets()
                for name, _, weights in members
            )
        setlist, masks = regenie_files(prefix, ())
        files[setlist] = "".join(
            f"{region} {contig} {start + 1} {','.join(name for name, *_ in members)}\n"
            for region, (contig, start), members in self._sets()
        )
        files[masks] = f"{MASK} {ANNOTATION}\n"
        return files

    def saige(self, prefix: Path) -> dict[Path, str]:
        """Return path -> text: PREFIX.WEIGHT.group.txt."""
        files = {}
        for at, path in enumerate(saige_files(prefix, [one for _, one in self._kept])):
            lines = []
            for region, _, members in self._sets():
                weights = " ".join(f"{self._weights[i][at]:.9g}" for *_, i in members)
                lines += [
                    f"{region} var {' '.join(place for _, place, _ in members)}\n",
                    f"{region} anno {' '.join([ANNOTATION] * len(members))}\n",
                    f"{region} weight {weights}\n",
                ]
            files[path] = "".join(lines)
        return files

    def _sets(self) -> Iterator[tuple[str, tuple[str, int], list[_Member]]]:
        """Yield name, contig with 0-based start of the region, and members of each set."""
        of_region: dict[int, int] = {}
        for region, _ in self._members:
            of_region[region] = of_region.get(region, 0) + 1
        for (region, contig), members in sorted(self._members.items()):
            name = self._regions.names[region]
            name = name if of_region[region] == 1 else f"{name}.{contig}"
            yield name, (contig, self._regions.starts[region][contig]), members


def regenie_files(prefix: Path, weightings: Sequence[Weighting]) -> list[Path]:
    """Return the files: annotations of each weighting that is never negative, set list, masks."""
    names = [one.name for one in weightings if one.is_never_negative]
    endings = [*(f"{name}.annotations" for name in names), "setlist", "masks"]
    return [prefix.with_name(f"{prefix.name}.{ending}") for ending in endings]


def saige_files(prefix: Path, weightings: Sequence[Weighting]) -> list[Path]:
    """Return the group file of each weighting that is never negative."""
    names = [one.name for one in weightings if one.is_never_negative]
    return [prefix.with_name(f"{prefix.name}.{name}.group.txt") for name in names]
