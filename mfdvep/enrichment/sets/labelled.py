"""Labelled variants, and the files of them: a sorted VCF, or Parquet as TraitGym has it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import mfdvep
from mfdvep.enrichment.sets.counts import Counts
from mfdvep.errors import OutputError
from mfdvep.files import Parts, check_outputs
from mfdvep.genomics.info import escape_info
from mfdvep.genomics.parquet_variants import COLUMNS, info_lines, write_parquet
from mfdvep.genomics.vcf import Record
from mfdvep.genomics.vcf_output import ENDINGS, VcfOutput, index_ending, output_form, write_index

POSITIVE, NEGATIVE = 1.0, 0.0
_PARQUET = ".parquet"
_FIXED = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
_RECORDS = 10_000  # written at a time

Value = float | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One ALT with its label.

    Attributes
    ----------
    chrom, pos, ref, alt
        As in VCF; `pos` 1-based.
    label
        1 causal or positive, 0 neutral or negative; or a quantity.
    values
        Name in `parquet_variants.COLUMNS` -> number or texts; `match_group` has ids of groups.
    """

    chrom: str
    pos: int
    ref: str
    alt: str
    label: float
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """CHROM_POS_REF_ALT, which is a match group's id too."""
        return f"{self.chrom}_{self.pos}_{self.ref}_{self.alt}"


@dataclass(frozen=True)
class LabelledSet:
    """Labelled variants and how they came about.

    Attributes
    ----------
    variants
        In any order.
    counts
        Of everything that was read.
    contigs
        Contigs in the order of the file to be written -> length, None where it is not known;
        contigs of variants that are not among them come after, in the order of their names.
    rules
        Sentences for the header.
    """

    variants: Sequence[Labelled]
    counts: tuple[Counts, ...]
    contigs: Mapping[str, int | None]
    rules: tuple[str, ...]


def check_target(
    path: Path, inputs: Sequence[str | Path], *, force: bool = False, index: bool = False
) -> None:
    """Refuse an output before any work.

    Raises
    ------
    OutputError
        The name's ending is not known; an index of what has none; see `check_outputs`.
    """
    if not path.name.endswith((*ENDINGS, _PARQUET)):
        raise OutputError(
            f"{path}: expected a name that ends in {', '.join(ENDINGS)} or {_PARQUET}"
        )
    outputs: dict[str, str | Path | None] = {"output": path}
    if index:
        if path.name.endswith(_PARQUET):
            raise OutputError(f"{path}: Parquet has no index; leave out --write-index")
        outputs["index"] = f"{path}{index_ending(path, {})}"
    check_outputs(outputs, inputs, force=force)


def publish(found: LabelledSet, path: Path, *, made_by: str, index: bool = False) -> None:
    """Write a labelled set, sorted, as VCF, bgzip VCF, BCF or Parquet by its name; whole or not.

    Parameters
    ----------
    made_by
        Such as "mfdvep variants gtex", for the header.
    index
        Write the .tbi or .csi too.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    names = {variant.chrom for variant in found.variants}
    rest = sorted(names.difference(found.contigs), key=_natural)
    contigs: dict[str, int | None] = {**found.contigs, **dict.fromkeys(rest)}
    rank = {name: i for i, name in enumerate(contigs)}
    variants = sorted(found.variants, key=lambda v: (rank[v.chrom], v.pos, v.ref, v.alt))
    used = {name for variant in variants for name in variant.values}
    columns = ["label", *(name for name in COLUMNS if name in used)]
    about = [f"{made_by} {mfdvep.__version__}", *found.rules, *map(str, found.counts)]
    ending = index_ending(path, contigs) if index else ""
    targets = [path, *([Path(f"{path}{ending}")] if index else [])]
    with Parts(*targets) as parts:
        if path.name.endswith(_PARQUET):
            write_parquet(parts[path], _columns(variants, columns), metadata={
                "mfdvep.variants": json.dumps(about)
            })  # fmt: skip
            return
        header = ["##fileformat=VCFv4.3", f"##source={about[0]}"]
        header += [f"##mfdvepLabels={line}" for line in about[1:]]
        header += info_lines(columns, quantity=not _whole(variants))
        header += [_contig(name, length) for name, length in contigs.items()]
        _write_vcf(parts[path], path, [*header, _FIXED], _records(variants, columns))
        if index:
            write_index(parts[path], parts[targets[1]], ending=ending,
                        bcf=output_form(path) == ".bcf")  # fmt: skip


def _write_vcf(part: Path, path: Path, header: list[str], records: Iterator[Record]) -> None:
    try:
        folder = tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    with folder as name:
        output = VcfOutput(path, header, [], folder=Path(name))
        pieces: list[Path] = []
        while some := list(islice(records, _RECORDS)):
            pieces.append(Path(name) / f"{len(pieces)}.part")
            output.write(pieces[-1], [(record, []) for record in some])
        output.join(pieces, part)


def _records(variants: Sequence[Labelled], columns: Sequence[str]) -> Iterator[Record]:
    for i, v in enumerate(variants):
        info = [f"LABEL={v.label:.9g}"]
        for name in columns[1:]:
            if text := _text(v.values.get(name)):
                info.append(f"{COLUMNS[name][0]}={text}")
        line = f"{v.chrom}\t{v.pos}\t{v.id}\t{v.ref}\t{v.alt}\t.\t.\t{';'.join(info)}"
        yield Record(i, line, v.chrom, v.pos, v.ref, (v.alt,))


def _text(value: Value | None) -> str:
    if isinstance(value, tuple):
        return ",".join(map(escape_info, value))
    return "" if value is None else f"{value:.6g}"


def _columns(variants: Sequence[Labelled], columns: Sequence[str]) -> dict[str, list]:
    found: dict[str, list] = {
        name: [getattr(v, name) for v in variants] for name in ("chrom", "pos", "ref", "alt")
    }
    labels = [v.label for v in variants]
    if {*labels} <= {NEGATIVE, POSITIVE}:
        found["label"] = list(map(bool, labels))
    else:
        found["label"] = list(map(int, labels)) if _whole(variants) else labels
    for name in columns[1:]:
        values = [v.values.get(name) for v in variants]
        found[name] = [",".join(x) or None if isinstance(x, tuple) else x for x in values]
    return found


def _whole(variants: Sequence[Labelled]) -> bool:
    """Return whether the labels are classes and not quantities."""
    return all(v.label.is_integer() for v in variants)


def _contig(name: str, length: int | None) -> str:
    return f"##contig=<ID={name}>" if length is None else f"##contig=<ID={name},length={length}>"


def _natural(name: str) -> tuple[int, int, str]:
    """Return what sorts contigs as people do: chr2 before chr10, X, Y and M after them."""
    bare = name.removeprefix("chr")
    if bare.isdecimal():
        return 0, int(bare), name
    return 1, {"X": 0, "Y": 1, "M": 2, "MT": 2}.get(bare, 3), name
