"""How well an alignment does on people whom training did not see: retrieval and probes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep.cohort.align.held_out import TEST, HeldOut, compared, embed, record_of
from mfdvep.cohort.align.model_folder import AlignedModel
from mfdvep.cohort.align.probing import probe
from mfdvep.cohort.align.retrieval import retrieval, similarity_of
from mfdvep.cohort.align.tables import digests_of, read_people
from mfdvep.errors import InputError

INPUT, UNTRAINED, PRETRAINED = "input", "untrained", "pretrained"
SIZES: tuple[int | None, ...] = (50, 100, 200, 500, None)
ALL = "all modalities"
_MOST = 5000  # people whose similarities with each other are held

Row = dict[str, Any]
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class EvaluationOptions:
    """What is measured.

    Attributes
    ----------
    phenotypes
        (file, column) of each probe.
    sizes
        Labelled people of a probe; None for all. Sizes above what there are are left out, and
        told, if they are the defaults.
    n_draws
        Of labelled people, for each size.
    n_permutations
        Of pairs.
    seed
        Of everything that is drawn.
    """

    phenotypes: tuple[tuple[str, str], ...] = ()
    sizes: tuple[int | None, ...] = SIZES
    n_draws: int = 20
    n_permutations: int = 10_000
    seed: int = 0


@dataclass(frozen=True)
class Evaluation:
    """Rows of tables, as `retrieval` and `probe` have them; what was done, and with whom.

    Attributes
    ----------
    retrieval
        With modality and direction.
    probes, differences
        With phenotype.
    about
        Counts, options, model, versions.
    """

    retrieval: list[Row]
    probes: list[Row]
    differences: list[Row]
    about: dict[str, Any]


def evaluate(
    model: AlignedModel,
    held: HeldOut,
    options: EvaluationOptions,
    *,
    command: str = "",
    progress: Progress | None = None,
) -> Evaluation:
    """Return how well people's own pairs are found, and phenotypes predicted.

    Raises
    ------
    InputError
        As from `read_people` and `probe`; a size that is no default and above what there is.
    """
    phenotypes = [_phenotype(file, column, held) for file, column in options.phenotypes]
    n_steps = 1 + len(phenotypes)
    rows, n_left = _chosen(held, options.seed)
    found = _retrieval(model, held, rows, options)
    if progress is not None:
        progress(1, n_steps)
    features = {
        INPUT: held.arrays.images,
        UNTRAINED: embed(model.untrained(), held.arrays.images),
        PRETRAINED: embed(model.aligner, held.arrays.images),
    }
    probes, differences, known = [], [], dict[str, Any]()
    for i, (name, values) in enumerate(phenotypes):
        has = np.isfinite(values)
        labelled, tested = (
            np.flatnonzero(has & (held.splits == split)) for split in ("train", TEST)
        )
        known[name] = {"labelled": len(labelled), "tested": len(tested),
                       "unknown": int((~has).sum())}  # fmt: skip
        each, pairs = probe(
            features, values, labelled, tested, held.people.families,
            sizes=_sizes(options.sizes, len(labelled)), n_draws=options.n_draws,
            pairs=[(PRETRAINED, INPUT), (PRETRAINED, UNTRAINED)],
            rng=np.random.default_rng([options.seed, i]),
        )  # fmt: skip
        probes += [{"phenotype": name, **row} for row in each]
        differences += [{"phenotype": name, **row} for row in pairs]
        if progress is not None:
            progress(2 + i, n_steps)
    about = {
        **record_of(model, held, command),
        "counts": {
            **held.counts,
            "phenotypes": known,
            "beyond_most_people": n_left,
            "too_few_to_retrieve": sorted({*_names(model)} - {row["modality"] for row in found}),
        },
        "options": {
            **vars(options),
            "phenotypes": [
                {"file": Path(file).name, "column": column, **digests_of(file)}
                for file, column in options.phenotypes
            ],
            "most_people": _MOST,
        },
    }
    return Evaluation(found, probes, differences, about)


def _chosen(held: HeldOut, seed: int) -> tuple[np.ndarray, int]:
    """Return the tested rows, at most so many, and how many more there are."""
    rows = held.rows(TEST)
    order = np.random.default_rng([seed, 1 << 20]).permutation(len(rows))
    return rows[np.sort(order[:_MOST])], max(0, len(rows) - _MOST)


def _retrieval(
    model: AlignedModel, held: HeldOut, rows: np.ndarray, options: EvaluationOptions
) -> list[Row]:
    """Return the rows of each modality that two people have, and of all where there are more."""
    image, genetics = compared(model.aligner, held.arrays, rows)
    cases = [(name, [own]) for name, own in zip(_names(model), genetics, strict=True)]
    if len(cases) > 1:
        cases.append((ALL, list(genetics)))
    families = np.asarray(held.people.families)[rows]
    found = []
    for i, (name, vectors) in enumerate(cases):
        has = np.any([np.isfinite(own[:, 0]) for own in vectors], axis=0)
        if has.sum() < 2:
            continue
        similarity = similarity_of(image[has], [own[has] for own in vectors])
        for j, (direction, values) in enumerate(
            (("image to genetics", similarity), ("genetics to image", similarity.T))
        ):
            rng = np.random.default_rng([options.seed, i, j])
            each = retrieval(values, families[has], n_permutations=options.n_permutations, rng=rng)
            found += [{"modality": name, "direction": direction, **row} for row in each]
    return found


def _names(model: AlignedModel) -> tuple[str, ...]:
    """Return the names of the genetic modalities."""
    return model.preparation.names[1 : 1 + len(model.preparation.genetics)]


def _phenotype(file: str, column: str, held: HeldOut) -> tuple[str, np.ndarray]:
    """Return the name and the values (n,) of a phenotype, NaN where not known."""
    table = read_people(file, columns=[column])
    values = dict(zip(table.iids, table.values[:, 0].astype(np.float64), strict=True))
    found = np.array([values.get(iid, np.nan) for iid in held.people.iids])
    if not np.isfinite(found).any():
        raise InputError(f"{file}: {column!r} is known of nobody who takes part; same names (iid)?")
    return f"{Path(file).name}:{column}", np.where(np.isfinite(found), found, np.nan)


def _sizes(sizes: Sequence[int | None], n: int) -> list[int | None]:
    """Return the sizes; of the defaults those below what there is, and all."""
    return [s for s in sizes if s is None or s < n] if sizes == SIZES else list(sizes)
