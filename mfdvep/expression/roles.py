"""What the latents stand for: averages of contributions and correlations over genes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfdvep.averages import means_and_intervals
from mfdvep.enrichment.measures.correlations import pearson, spearman
from mfdvep.expression.bins import BIN, N_BINS
from mfdvep.expression.contributions import Contributions

FEWEST = 10
"""Genes that an average is taken over, at least."""


@dataclass(frozen=True)
class Roles:
    """K outputs over n genes in one cell: the prediction, then k = K - 1 latents.

    A latent is counted in its standard deviations over the genes.

    Attributes
    ----------
    cell
        The genes'.
    n_genes
        That the averages are over.
    outputs
        K names.
    sd
        float64 (k,), of each latent.
    effect
        float64 (3, k): mean change of the prediction for one SD more of the latent, and the ends
        of its 95 % interval.
    rising
        float64 (k,): share of the genes whose prediction rises with the latent.
    expression
        float64 (3, K): Spearman's correlation with the observed expression and the ends of its
        95 % interval.
    contribution
        float64 (3, K, m, 100): mean over genes, and the ends of its 95 % interval.
    correlation
        float64 (K, m, 100): Pearson's, with the log of the signal; NaN where a bin never varies.
    """

    cell: str
    n_genes: int
    outputs: tuple[str, ...]
    sd: np.ndarray
    effect: np.ndarray
    rising: np.ndarray
    expression: np.ndarray
    contribution: np.ndarray
    correlation: np.ndarray

    def strongest(self, output: int) -> tuple[int, int, int] | None:
        """Return the mark, first bin and end of the bins that correlate most with an output.

        The bins are those about the largest correlation, as far as it stays of one sign and over
        half of that. None: there is no correlation.
        """
        found = np.nan_to_num(self.correlation[output])  # (m, 100)
        mark, top = np.unravel_index(int(np.abs(found).argmax()), found.shape)
        peak = found[mark, top]
        if peak == 0:
            return None
        weak = np.flatnonzero(found[mark] / peak <= 0.5)
        first = int(weak[weak < top].max(initial=-1)) + 1
        stop = int(weak[weak > top].min(initial=N_BINS))
        return int(mark), first, stop


def roles(found: Contributions, signal: np.ndarray, expression: np.ndarray, *, cell: str) -> Roles:
    """Return what outputs stand for.

    Parameters
    ----------
    found
        Of n genes, at least `FEWEST`, with the latents.
    signal
        float32 (n, m, 100), of the same genes.
    expression
        float32 (n,); genes where it is NaN are not correlated with it.
    """
    n, n_outputs = found.values.shape
    sd = found.values[:, 1:].std(axis=0, ddof=1)
    unit = np.concatenate([[1.0], np.where(sd > 0, sd, 1.0)])  # of each output
    bins = np.log1p(signal).reshape(n, -1).T.astype(np.float64)  # (m * 100, n)
    shape = (n_outputs, *signal.shape[1:])
    contribution, correlation = np.empty((3, *shape)), np.empty(shape)
    for k in range(n_outputs):
        scores = found.scores[:, k].reshape(n, -1).astype(np.float64) / unit[k]
        contribution[:, k] = means_and_intervals(scores)[1:].reshape(3, *shape[1:])
        correlation[k] = pearson(bins, found.values[:, k])[0].reshape(shape[1:])
    known = ~np.isnan(expression)
    observed = np.full((3, n_outputs), np.nan)
    if known.sum() >= FEWEST:
        y = expression[known].astype(np.float64)
        observed = spearman(found.values[known].T, y)[:3]
    return Roles(
        cell=cell,
        n_genes=n,
        outputs=found.outputs,
        sd=sd,
        effect=means_and_intervals(found.slopes * sd)[1:],
        rising=(found.slopes > 0).mean(axis=0),
        expression=observed,
        contribution=contribution,
        correlation=correlation,
    )


def bin_edges() -> tuple[np.ndarray, np.ndarray]:
    """Return first base and end of each bin, counted from the start site, in its direction."""
    first = BIN * (np.arange(N_BINS) - N_BINS // 2)
    return first, first + BIN
