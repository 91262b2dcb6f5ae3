"""Features of several models and labels, brought together region by region."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep.errors import InputError
from mfdvep.interpret.features.feature_file import FeatureTable
from mfdvep.interpret.probes.label_table import LabelTable

HALVES = ("combined", "biological", "technical")
GC = "gc"
# chr1_KI270706v1_random and HSCHR1_CTG1 are part of chr1, and 1 is chr1
_PART_OF = re.compile("(?:HS)?(?:chr|CHR)?([0-9]{1,2}|[A-Z])(?:_.+)?")


@dataclass(frozen=True)
class Design:
    """n regions with features of all models and with labels.

    Attributes
    ----------
    regions
        n names.
    chromosomes
        n: what may not be in training and test at once, see `chromosome_of`.
    gc
        float64 (n,): share of G and C in the windows.
    labels
        int8 (n, T): 1, 0, or -1 where not known.
    tasks
        T names.
    features
        Model -> half -> float32 (n, k); only "combined" for a model whose halves mean nothing.
    about
        Model -> what its file says of itself.
    counts
        Rows of the labels, and what became of them.
    """

    regions: tuple[str, ...]
    chromosomes: tuple[str, ...]
    gc: np.ndarray
    labels: np.ndarray
    tasks: tuple[str, ...]
    features: Mapping[str, Mapping[str, np.ndarray]]
    about: Mapping[str, Mapping[str, Any]]
    counts: Mapping[str, int]


def chromosome_of(contig: str) -> str:
    """Return the chromosome of a contig: chr1 for 1, chr1_KI270706v1_random and chr1_0_131072.

    Haplotypes and windows named so hold sequence of the chromosome, or nearly the same. A name
    of another form is its own chromosome, with "chr" or without.
    """
    found = _PART_OF.fullmatch(contig)
    name = found[1] if found else contig.removeprefix("chr")
    return f"chr{'M' if name == 'MT' else name}"


def join(tables: Mapping[str, FeatureTable], labels: LabelTable) -> Design:
    """Return the regions that have labels, and features in every table, in the labels' order.

    By place (chrom, start, end) where labels and features have one, else by name.

    Parameters
    ----------
    tables
        Model -> its features.

    Raises
    ------
    InputError
        Two rows of one region; labels with names alone for features without chromosomes, or the
        other way round; regions of no known chromosome; no region in common.
    """
    by_place = labels.has_places and all((table.start >= 0).all() for table in tables.values())
    keys = _label_keys(labels, by_place=by_place)
    _refuse_repeated(keys, labels.path)
    rows: dict[str, dict[Hashable, int]] = {}
    for model, table in tables.items():
        found = _feature_keys(table, by_place=by_place)
        _refuse_repeated(found, table.path)
        rows[model] = {key: i for i, key in enumerate(found)}
    absent = [any(key not in known for known in rows.values()) for key in keys]
    lacking = [
        not gone and any(tables[m].status[known[key]] != "OK" for m, known in rows.items())
        for key, gone in zip(keys, absent, strict=True)
    ]
    used = [i for i, bad in enumerate(zip(absent, lacking, strict=True)) if not any(bad)]
    if not used:
        raise InputError(_nothing_in_common(labels, tables, keys, by_place=by_place))
    first = next(iter(tables.values()))
    at = {model: np.array([known[keys[i]] for i in used]) for model, known in rows.items()}
    of_first = at[next(iter(tables))]
    contigs = [labels.chrom[i] for i in used] if labels.chrom else [
        first.chrom[row] for row in of_first
    ]  # fmt: skip
    if any(not contig for contig in contigs):
        raise InputError(
            f"{labels.path}: the features of {first.path} are of sequences without coordinates; "
            "give the labels a column chrom, by which training and test are kept apart"
        )
    return Design(
        regions=tuple(labels.name[i] if labels.name else str(keys[i]) for i in used),
        chromosomes=tuple(chromosome_of(str(contig)) for contig in contigs),
        gc=first.gc[of_first].astype(np.float64),
        labels=labels.labels[used],
        tasks=labels.tasks,
        features={model: _halves(table, at[model]) for model, table in tables.items()},
        about={model: table.about for model, table in tables.items()},
        counts={
            "label_rows": len(labels),
            "not_in_features": sum(absent),
            "without_features": sum(lacking),
            "used": len(used),
        },
    )


def _label_keys(labels: LabelTable, *, by_place: bool) -> list[Hashable]:
    if by_place and labels.chrom and labels.start is not None and labels.end is not None:
        return list(zip(labels.chrom, labels.start.tolist(), labels.end.tolist(), strict=True))
    if labels.name is None:
        raise InputError(
            f"{labels.path}: has places but no names, and some features are of sequences, which "
            "have names alone; add a column name"
        )
    return list(labels.name)


def _feature_keys(table: FeatureTable, *, by_place: bool) -> Sequence[Hashable]:
    if not by_place:
        return table.name
    return list(zip(table.chrom, table.start.tolist(), table.end.tolist(), strict=True))


def _refuse_repeated(keys: Sequence[Hashable], path: str) -> None:
    seen: set[Hashable] = set()
    for number, key in enumerate(keys, start=1):
        if key in seen:
            raise InputError(
                f"{path}: row {number}: a second row for {_shown(key)}; keep one row a region"
            )
        seen.add(key)


def _nothing_in_common(
    labels: LabelTable,
    tables: Mapping[str, FeatureTable],
    keys: Sequence[Hashable],
    *,
    by_place: bool,
) -> str:
    first = next(iter(tables.values()))
    example = _feature_keys(first, by_place=by_place)
    what = "place" if by_place else "name"
    return (
        f"{labels.path}: no region with labels has features in all of "
        f"{', '.join(table.path for table in tables.values())}; they are joined by {what}, such as "
        f"{_shown(keys[0])} here and {_shown(example[0]) if example else 'none'} there"
    )


def _shown(key: Hashable) -> str:
    return f"{key[0]}:{key[1]}-{key[2]}" if isinstance(key, tuple) else repr(key)


def _halves(table: FeatureTable, rows: np.ndarray) -> dict[str, np.ndarray]:
    biological, technical = table.biological[rows], table.technical[rows]
    both = {"combined": np.concatenate([biological, technical], axis=1)}
    if table.about.get("has_halves", True):
        both |= {"biological": biological, "technical": technical}
    return both


def models_of(arguments: Sequence[str]) -> dict[str, str]:
    """Return model -> file of arguments as NAME=FILE, or FILE, whose name without its ending it is.

    Raises
    ------
    InputError
        Two models of one name.
    """
    found: dict[str, str] = {}
    for argument in arguments:
        name, equals, path = argument.partition("=")
        if not equals or "/" in name or Path(argument).exists():
            name, path = Path(argument).name.removesuffix(".parquet"), argument
        if not name or name in found:
            raise InputError(
                f"{argument}: the name {name!r} is given twice or empty; name each: NAME=FILE"
            )
        found[name] = path
    return found
