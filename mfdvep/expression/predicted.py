"""The histone marks that an MFD model predicts round a gene: one window a bin, both strands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import expit

from mfdvep.errors import InputError
from mfdvep.expression.bins import BIN, MARKS, bin_starts
from mfdvep.expression.genes import Tss
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import CENTRE, N_CODE, WINDOW_BASES, reverse_complement
from mfdvep.genomics.variants import VariantStatus
from mfdvep.model.device import pick_device, windows_at_once
from mfdvep.model.mfd import MFDModel
from mfdvep.model.selection import select
from mfdvep.scoring.windows import MAX_N

_NO_WINDOW = np.empty((0, WINDOW_BASES), dtype=np.uint8)


def window_starts_of(gene: Tss) -> np.ndarray:
    """Return where the windows of a gene's bins start, 0-based, int64 (100,), in the bins' order.

    The centre of a window is base 50 of its bin in the gene's direction, so that the windows of a
    gene on the other strand are the mirror image. They may pass the ends of the contig.
    """
    middle = BIN // 2 if gene.strand == "+" else BIN // 2 - 1
    return bin_starts(gene) + middle - CENTRE  # (100,)


def gene_windows(genome: Genome, gene: Tss) -> tuple[VariantStatus, np.ndarray]:
    """Return whether the marks round a gene can be predicted, or why not; and its windows.

    Parameters
    ----------
    genome
        The reference that the gene's position is of.

    Returns
    -------
    status
        CONTIG_MISSING; OFF_CONTIG where a bin passes an end of the contig; N_RICH where more than
        half of the bases that the windows cover are not known; else OK.
    windows
        (100, 1153) uint8 base codes of the forward strand, in the order of the gene's bins; N
        beyond the ends of the contig. (0, 1153) if not OK.

    Raises
    ------
    InputError
        The genome's file cannot be read there.
    """
    contig = genome.resolve(gene.chrom)
    if contig is None:
        return VariantStatus.CONTIG_MISSING, _NO_WINDOW
    bins = bin_starts(gene)
    if bins.min() < 0 or bins.max() + BIN > genome.contigs[contig]:
        return VariantStatus.OFF_CONTIG, _NO_WINDOW
    starts = window_starts_of(gene)
    first = int(starts.min())
    stretch = genome.fetch(contig, first, int(starts.max()) + WINDOW_BASES)
    if (stretch == N_CODE).mean() > MAX_N:
        return VariantStatus.N_RICH, _NO_WINDOW
    return VariantStatus.OK, stretch[(starts - first)[:, None] + np.arange(WINDOW_BASES)]


class MarkPredictor:
    """Predicts the peaks of marks in cells from windows of sequence.

    Parameters
    ----------
    model
        In evaluation mode; moved to the device.
    cells, marks
        c values of the track table's column "biosample", and m of its column "target".
    where
        Further conditions on the tracks, see `mfdvep.model.where`.
    device
        "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1" ...
    batch_size
        Windows at once; by default what is quick on the device.

    Attributes
    ----------
    rows
        Cell, mark -> the rows of its tracks in the model's table.
    device, batch_size
        That are used.

    Raises
    ------
    InputError
        No track of a cell and mark that meets the conditions; a table without the two columns; a
        condition or device that cannot be used; a batch size below 1.
    """

    def __init__(
        self,
        model: MFDModel,
        cells: Sequence[str],
        marks: Sequence[str] = MARKS,
        *,
        where: Sequence[str] = (),
        device: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise InputError(f"batch size {batch_size}; expected at least 1")
        self.cells, self.marks = tuple(cells), tuple(marks)
        self.rows = {
            (cell, mark): _tracks_of(model, cell, mark, where)
            for cell in self.cells
            for mark in self.marks
        }
        self.device = pick_device(device)
        self.model = model.to(self.device)
        self.batch_size = batch_size or windows_at_once(
            self.device, model.config.width, engine="plain"
        )
        index = sorted({row for rows in self.rows.values() for row in rows})
        with torch.inference_mode():
            psi_biological, psi_technical = model.output_weights()
            # of the t tracks that are used, as (Cb, t), (Ct, t) and (t,)
            self._psi = [_array(psi[index].T) for psi in (psi_biological, psi_technical)]
            self._bias = _array(model.bias[index])
        place = {row: i for i, row in enumerate(index)}
        self._places = [[place[row] for row in rows] for rows in self.rows.values()]

    def latent(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the latent features of windows and of their reverse complements.

        Every call of the trunk has the same number of windows, so that a window's features do not
        depend on how many it comes with.

        Parameters
        ----------
        windows
            (k, 1153) uint8 base codes.

        Returns
        -------
        biological, technical
            float32 (2, k, Cb) and (2, k, Ct): forward, reverse complement.
        """
        half = self.model.config.n_latent // 2
        codes = np.concatenate([windows, reverse_complement(windows)])  # (2 k, 1153)
        out = tuple(np.empty((len(codes), half), dtype=np.float32) for _ in range(2))
        with torch.inference_mode():
            for first in range(0, len(codes), self.batch_size):
                part = codes[first : first + self.batch_size]
                full = np.pad(part, ((0, self.batch_size - len(part)), (0, 0)), mode="edge")
                found = self.model.features(torch.from_numpy(full).to(self.device))
                for into, values in zip(out, found, strict=True):
                    into[first : first + len(part)] = values[: len(part)].float().cpu().numpy()
        biological, technical = (values.reshape(2, len(windows), half) for values in out)
        return biological, technical

    def probability(self, biological: np.ndarray, technical: np.ndarray) -> np.ndarray:
        """Return the probability of a peak of each mark in each cell, float64 (k, c, m).

        The mean over the strands, and over the tracks of a cell and mark where there are several.
        The halves need not be of the same allele: ALT's biological features with REF's technical
        ones give the biological effect. Computed in float64, so that the difference of two
        alleles has no other rounding than that of their features.

        Parameters
        ----------
        biological, technical
            (2, k, Cb) and (2, k, Ct), see `latent`.
        """
        halves = zip((biological, technical), self._psi, strict=True)
        logits = sum(half.astype(np.float64) @ psi for half, psi in halves) + self._bias
        of_track = expit(logits).mean(0)  # (k, t)
        marks = np.stack([of_track[:, at].mean(1) for at in self._places], axis=1)
        return marks.reshape(-1, len(self.cells), len(self.marks))

    def profile(self, windows: np.ndarray) -> np.ndarray:
        """Return the probabilities in windows (k, 1153), float64 (k, c, m)."""
        return self.probability(*self.latent(windows))


def _array(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor's values, float64."""
    return tensor.detach().cpu().numpy().astype(np.float64)


def _tracks_of(model: MFDModel, cell: str, mark: str, where: Sequence[str]) -> list[int]:
    """Return the rows of a cell's tracks of a mark that meet the conditions."""
    table = model.tracks
    narrowed = set(select(table, where=where)) if where else set(range(len(table)))
    pairs = zip(table["biosample"], table["target"], strict=True)
    found = [row for row, pair in enumerate(pairs) if pair == (cell, mark) and row in narrowed]
    if not found:
        of_mark = zip(table["biosample"], table["target"], strict=True)
        cells = sorted({name for name, target in of_mark if target == mark and name})
        hint = f"cells with {mark}: {', '.join(cells[:8])}" if cells else f"no cell has {mark}"
        meets = f" that meets --where {' '.join(where)}" if where else ""
        raise InputError(
            f"the model {model.provenance['name']} has no track of {mark} in {cell}{meets}; {hint}"
        )
    return found
