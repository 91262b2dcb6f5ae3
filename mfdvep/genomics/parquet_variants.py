"""Variants in a Parquet file as TraitGym has them, read as the lines of a VCF, and written.

One row an ALT: `chrom` (text; with or without chr), `pos` (int, 1-based), `ref`, `alt`, and where
known `label` (bool, int or float), `match_group` (text) and the other columns of `COLUMNS`. A
variant of several groups has their ids with commas between them; TraitGym's have one.

Source: the TraitGym data sets (Benegas, Eraslan, Song 2025), `test.parquet`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.info import escape_info

_VARIANT = {"chrom": pa.string(), "pos": pa.int64(), "ref": pa.string(), "alt": pa.string()}
_FIXED = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"

# column -> INFO key, Number, Type, Description
_TEXT = "String"
COLUMNS: dict[str, tuple[str, str, str, str]] = {
    "label": ("LABEL", "A", "Integer", "1 causal or positive, 0 neutral or negative"),
    "match_group": ("MATCH", ".", _TEXT, "Groups of matched variants that this one is in"),
    "maf": ("MAF", "A", "Float", "Minor allele frequency"),
    "af": ("AF", "A", "Float", "Allele frequency"),
    "pip": ("PIP", "A", "Float", "Largest posterior inclusion probability"),
    "gene": ("GENE", ".", _TEXT, "Associated genes"),
    "tissue": ("TISSUE", ".", _TEXT, "Tissues or data sets in which it is associated"),
    "ccre": ("CCRE", ".", _TEXT, "Class of the cCRE that it is in, + for a comma"),
    "element": ("ELEMENT", ".", _TEXT, "Element, locus or construct that it was measured in"),
}
"""Columns that are kept as INFO; text with commas is several values."""


def info_lines(columns: Sequence[str], *, quantity: bool = False) -> list[str]:
    """Return the header lines of INFO keys.

    Parameters
    ----------
    columns
        Names in `COLUMNS`.
    quantity
        Whether the label is a number and not a class.
    """
    lines = []
    for name in columns:
        key, number, kind, what = COLUMNS[name]
        if name == "label" and quantity:
            kind, what = "Float", "Measured quantity"
        lines.append(f'##INFO=<ID={key},Number={number},Type={kind},Description="{what}">')
    return lines


def open_parquet(path: str) -> tuple[list[str], Iterator[tuple[str, None]]]:
    """Return the header lines of a VCF, and the lines of its records in the file's order.

    Raises
    ------
    InputError
        Damaged; a column is missing or of another type; no row. From the iteration: an empty
        field, and what cannot be read.
    """
    with _reading(path):
        file = pq.ParquetFile(path)
    schema = file.schema_arrow
    if lacking := [name for name in _VARIANT if name not in schema.names]:
        raise InputError(
            f"{path}: no column {', '.join(lacking)}; expected {', '.join(_VARIANT)} of variants, "
            f"found {', '.join(schema.names[:20])}"
        )
    columns = [name for name in COLUMNS if name in schema.names]
    _check_types(path, schema, columns)
    quantity = "label" in columns and pa.types.is_floating(schema.field("label").type)
    header = ["##fileformat=VCFv4.3", *info_lines(columns, quantity=quantity)]
    header += [f"##contig=<ID={chrom}>" for chrom in _contigs(path, file)]
    return [*header, _FIXED], _lines(path, file, columns)


def _check_types(path: str, schema: pa.Schema, columns: Sequence[str]) -> None:
    """Raise InputError for a column that is not what its name says."""
    for name in (*_VARIANT, *columns):
        kind = schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        whole = pa.types.is_integer(kind)
        number = whole or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
        if name in ("chrom", "match_group"):
            fits = text or whole
        elif name == "pos":
            fits = whole
        else:
            fits = number if name in COLUMNS and COLUMNS[name][2] != _TEXT else text
        if not fits:
            raise InputError(f"{path}: column {name} is {kind}; expected {_expected(name)}")


def _expected(name: str) -> str:
    if name == "pos":
        return "whole numbers, 1-based"
    return "numbers" if name in COLUMNS and COLUMNS[name][2] != _TEXT else "text"


def _contigs(path: str, file: pq.ParquetFile) -> list[str]:
    """Return the names of contigs, in the order in which they come."""
    names: dict[str, None] = {}
    with _reading(path):
        for batch in file.iter_batches(columns=["chrom"]):
            names |= dict.fromkeys(map(str, pc.unique(batch.column(0)).to_pylist()))
    if not names:
        raise InputError(f"{path}: no variants; give a file that has some")
    return list(names)


def _lines(path: str, file: pq.ParquetFile, columns: Sequence[str]) -> Iterator[tuple[str, None]]:
    wanted = [*_VARIANT, *columns]
    keys = [COLUMNS[name][0] for name in columns]
    row = 0
    with _reading(path):
        for batch in file.iter_batches(columns=wanted):
            for chrom, pos, ref, alt, *values in zip(
                *(batch.column(name).to_pylist() for name in wanted), strict=True
            ):
                row += 1
                if None in (chrom, pos, ref, alt) or "" in (chrom, ref, alt):
                    raise InputError(f"{path}: row {row} has no {', '.join(_VARIANT)}; mend it")
                pairs = zip(keys, map(_as_info, values), strict=True)
                info = ";".join(f"{key}={text}" for key, text in pairs if text) or "."
                yield f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t{info}", None
    file.close()


def _as_info(value: Any) -> str:
    """Return a value as INFO has it; "" for none."""
    if isinstance(value, str):
        return ",".join(escape_info(part) for part in value.split(",") if part)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return f"{value:.9g}" if isinstance(value, float) else str(int(value))


@contextmanager
def _reading(path: str) -> Iterator[None]:
    """Turn what pyarrow raises for a damaged file into an InputError."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: damaged Parquet: {error}; get the file again") from error


def write_parquet(
    path: Path, columns: Mapping[str, list[Any]], *, metadata: Mapping[str, str]
) -> None:
    """Write variants as one Parquet file.

    Parameters
    ----------
    columns
        `chrom`, `pos`, `ref`, `alt` and names in `COLUMNS` -> values, None for what is not known.
        Labels that are all bool are written so.
    metadata
        Of the file.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    arrays = {}
    for name, values in columns.items():
        kind = _VARIANT.get(name)
        if kind is None and COLUMNS[name][2] == _TEXT:
            kind = pa.string()
        if kind is None and name != "label":
            kind = pa.float64()
        arrays[name] = pa.array(values, kind)
    table = pa.table(arrays).replace_schema_metadata(dict(metadata))
    try:
        pq.write_table(table, path, compression="zstd")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error}") from error
