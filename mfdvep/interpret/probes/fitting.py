"""Ridge logistic regression of one task, tested on chromosomes that it never saw.

Nested: each outer fold is tested by a regression that was fitted on the others, with the penalty
that does best when the others are in turn split by chromosome. Features are standardised by the
regions that are fitted.

Source: science.md "Enhancers" (MFD section 3.2: ridge logistic regression per tissue).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from mfdvep.enrichment.measures.ranking import auroc as area
from mfdvep.enrichment.measures.ranking import average_precision, groups_of, sort_with_labels
from mfdvep.interpret.probes.folds import chromosome_folds, splits

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # C of scikit-learn: the smaller, the stronger
_STEPS = 500  # of the solver


@dataclass(frozen=True)
class Fitting:
    """How a regression is fitted.

    Attributes
    ----------
    penalties
        C of scikit-learn to choose from, ascending.
    inner_folds
        Into which the training chromosomes are split to choose; fewer if there are fewer.
    balanced
        Weigh the classes as if they were of equal size.
    """

    penalties: tuple[float, ...] = PENALTIES
    inner_folds: int = 3
    balanced: bool = False


@dataclass(frozen=True)
class FoldScores:
    """What a task comes to in each of the K outer folds.

    Attributes
    ----------
    auroc, auprc, share
        float64 (K,): of the held-out regions; and their share of positives.
    n
        float64 (K,): held-out regions, by which the folds count in `mean`.
    penalty
        float64 (K,): C that was chosen.
    n_unconverged
        Fits that the solver did not finish.
    """

    auroc: np.ndarray
    auprc: np.ndarray
    share: np.ndarray
    n: np.ndarray
    penalty: np.ndarray
    n_unconverged: int

    def mean(self, measure: str) -> float:
        """Return the mean over folds of "auroc", "auprc" or "share"."""
        return float(np.average(getattr(self, measure), weights=self.n))


class UnfitTaskError(ValueError):
    """A task that cannot be fitted or tested; the text says why, without its name."""


def check_folds(labels: np.ndarray, fold: np.ndarray) -> None:
    """Raise UnfitTaskError if a fold, or the rest of one, has labels of a single class.

    Parameters
    ----------
    labels, fold
        int8 (n,) 0 and 1, and int64 (n,), of the regions that are used.
    """
    for number in range(int(fold.max(initial=0)) + 1):
        here = labels[fold == number]
        if not 0 < here.sum() < len(here):
            raise UnfitTaskError(
                f"fold {number + 1} has {int(here.sum())} positives and "
                f"{int(len(here) - here.sum())} negatives"
            )


def nested_scores(
    x: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    *,
    chromosomes: Sequence[str],
    fitting: Fitting,
) -> FoldScores:
    """Return how well a task is predicted on each fold from the others.

    Parameters
    ----------
    x
        float (n, k) features.
    labels
        int8 (n,): 0 and 1.
    fold
        int64 (n,): the outer folds; both classes in each.
    chromosomes
        n: never split, in the inner folds either.

    Raises
    ------
    UnfitTaskError
        The training regions of a fold are of one chromosome, or no split of theirs has both
        classes on both sides, and there are several penalties.
    """
    names = np.asarray(chromosomes, dtype=str)
    rows: list[tuple[float, ...]] = []
    n_unconverged = 0
    for train, test in splits(fold):
        penalty, failed = _choose(x[train], labels[train], names[train], fitting)
        scores, late = fitted_scores(
            x[train], labels[train], x[test], penalties=(penalty,), balanced=fitting.balanced
        )
        n_unconverged += failed + late
        rows.append((*_ranking(scores[0], labels[test]), labels[test].mean(), test.sum(), penalty))
    auroc, auprc, share, n, chosen = np.array(rows).T
    return FoldScores(auroc, auprc, share, n, chosen, n_unconverged)


def fitted_scores(
    train: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    *,
    penalties: Sequence[float],
    balanced: bool,
) -> tuple[np.ndarray, int]:
    """Return log-odds of test regions by penalty, (P, m), and how many fits were not finished.

    Parameters
    ----------
    train, labels, test
        (n, k), (n,) and (m, k).
    penalties
        C, ascending: each fit starts from the one before.
    """
    mean = train.mean(0, dtype=np.float64)
    sd = train.std(0, dtype=np.float64)
    sd[sd == 0] = 1  # a feature that does not vary stays 0
    x, held = ((part - mean) / sd for part in (train, test))
    model = LogisticRegression(
        solver="lbfgs",
        warm_start=True,
        max_iter=_STEPS,
        class_weight="balanced" if balanced else None,
    )
    out, n_late = np.empty((len(penalties), len(test))), 0
    for i, penalty in enumerate(penalties):
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always", ConvergenceWarning)
            model.set_params(C=penalty).fit(x, labels)
        n_late += any(issubclass(w.category, ConvergenceWarning) for w in raised)
        out[i] = model.decision_function(held)
    return out, n_late


def _choose(
    x: np.ndarray, labels: np.ndarray, names: np.ndarray, fitting: Fitting
) -> tuple[float, int]:
    """Return the penalty with the best mean AUROC over the inner folds, the strongest of equals."""
    if len(fitting.penalties) == 1:
        return fitting.penalties[0], 0
    n_folds = min(fitting.inner_folds, len(np.unique(names)))
    if n_folds < 2:
        raise UnfitTaskError(
            f"the training regions of a fold are all of {names[0]}, so that no penalty can be "
            "chosen; give one"
        )
    found, sizes, n_late = [], [], 0
    for train, test in splits(chromosome_folds(names.tolist(), n_folds)):
        if any(len(np.unique(labels[part])) < 2 for part in (train, test)):
            continue
        scores, late = fitted_scores(
            x[train], labels[train], x[test], penalties=fitting.penalties, balanced=fitting.balanced
        )
        n_late += late
        found.append([_ranking(row, labels[test])[0] for row in scores])
        sizes.append(test.sum())
    if not found:
        raise UnfitTaskError("no split of the training chromosomes has both classes on both sides")
    return fitting.penalties[int(np.average(found, axis=0, weights=sizes).argmax())], n_late


def _ranking(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return AUROC and AUPRC."""
    groups = groups_of(sort_with_labels(scores.astype(np.float32), labels == 1))
    return area(groups), average_precision(groups)
