"""Sequences to effects: what an allele changes, in all and through each half of the features.

Source: science.md "Variant effects" (MFD section 3.3), written ALT minus REF.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mfdvep.errors import InputError, ModelError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import (
    CENTRE,
    WINDOW_BASES,
    allele_windows,
    encode,
    reverse_complement,
    shift_offsets,
)
from mfdvep.genomics.variants import (
    MAX_ALLELE,
    Variant,
    VariantStatus,
    normalise,
    spelling_status,
)
from mfdvep.model.device import full_float32, pick_device
from mfdvep.model.mfd import MFDModel
from mfdvep.scoring.effects import EffectBatch

STRANDS = ("both", "forward", "reverse")
SCALES = ("probability", "logit")
MAX_N = 0.5  # a window with a larger share of N says nothing that was trained on
_GROUP = 32  # variants whose windows and logits are held at once


class Scorer:
    """Scores variants with a model on a genome.

    Parameters
    ----------
    model
        As `load_model` gives it.
    genome
        The reference.
    shifts
        A count of consecutive window offsets centred on 0, or the offsets.
    strand
        "both", "forward" or "reverse".
    scale
        "probability", or "logit": then combined = biological + technical exactly.
    tracks
        Rows of the model's track table to score, all by default.
    device, batch_size
        Where to compute ("auto", "cpu", "cuda"), and how many windows at once, always as
        many: the last ones are filled up. Another number may move effects by 1e-6.

    Raises
    ------
    InputError
        An option with another value.
    """

    def __init__(
        self,
        model: MFDModel,
        genome: Genome,
        *,
        shifts: int | str | Sequence[int] = 11,
        strand: str = "both",
        scale: str = "probability",
        tracks: Sequence[int] | None = None,
        device: str = "auto",
        batch_size: int = 64,
    ) -> None:
        for name, value, known in (("strand", strand, STRANDS), ("scale", scale, SCALES)):
            if value not in known:
                raise InputError(f"{name} {value!r}; expected {', '.join(known)}")
        self.shifts = shift_offsets(shifts)
        self.strand, self.scale, self.genome = strand, scale, genome
        self.device = pick_device(device)
        self.batch_size = batch_size
        self._model = model.to(self.device).eval()
        rows = list(range(len(model.tracks)) if tracks is None else tracks)
        if not rows:
            raise InputError("no tracks chosen; see the conditions given to --where")
        self.tracks = model.tracks.take(rows)
        chosen = torch.tensor(rows, device=self.device)
        self._weights = [psi[chosen] for psi in model.output_weights()]  # each (O, C / 2)
        self._bias = model.bias.detach()[chosen]  # (O,)

    @property
    def provenance(self) -> dict[str, Any]:
        """What, with the model and the reference, makes the numbers what they are."""
        return {
            "scale": self.scale,
            "strand": self.strand,
            "shifts": list(self.shifts),
            "sign": "ALT minus REF",
            "averaging": "effects averaged over shifts and strands",
            "device": self.device.type,
            "precision": "float32",
            "torch": torch.__version__,
        }

    @property
    def model_provenance(self) -> dict[str, str]:
        """Name and sha256 of the model's weights; "unsaved" for one that was not loaded."""
        return dict(self._model.provenance)

    def score(self, variants: Sequence[Variant]) -> EffectBatch:
        """Return the effects of variants, in their order; a status says why one has none.

        Raises
        ------
        ModelError
            The model gave a value that is not finite.
        """
        checked = [self._normalise(variant) for variant in variants]
        shape = (len(variants), len(self.tracks))
        effects = np.full((3, *shape), np.nan, dtype=np.float32)
        status = [state for state, _ in checked]
        pending: list[int] = []
        windows: list[np.ndarray] = []
        for i, (_, change) in enumerate(checked):
            if change is not None:  # its status is OK
                pair = self._windows(*change)
                if pair is None:
                    status[i] = VariantStatus.N_RICH
                elif np.array_equal(*pair):
                    effects[:, i] = 0  # by definition; two places in a batch may round differently
                else:
                    pending.append(i)
                    windows.append(pair)
            if len(pending) == _GROUP or (pending and i == len(checked) - 1):
                effects[:, pending] = self._effects(np.stack(windows))
                pending, windows = [], []
        if not np.isfinite(effects[:, [s is VariantStatus.OK for s in status]]).all():
            raise ModelError("the model gave an effect that is not finite; its weights are damaged")
        combined, biological, technical = effects
        return EffectBatch(
            tuple(variants),
            tuple(status),
            combined,
            biological,
            technical,
            tracks=self.tracks,
            provenance=self.provenance,
        )

    def status(self, variant: Variant) -> VariantStatus:
        """Return whether a variant can be scored, without running the model; never N_RICH."""
        return self._normalise(variant)[0]

    def _normalise(
        self, variant: Variant
    ) -> tuple[VariantStatus, tuple[str, int, str, str] | None]:
        """Return the status, and contig, 0-based start, REF and ALT of the least change."""
        state = spelling_status(variant.ref, variant.alt)
        if state is not VariantStatus.OK:
            return state, None
        contig = self.genome.resolve(variant.chrom)
        if contig is None:
            return VariantStatus.CONTIG_MISSING, None
        if variant.start < 0 or variant.end > self.genome.contigs[contig]:
            return VariantStatus.OFF_CONTIG, None
        found = self.genome.fetch(contig, variant.start, variant.end)
        if not np.array_equal(found, encode(variant.ref)):
            return VariantStatus.REF_MISMATCH, None
        change = normalise(variant, lambda at: self.genome.base(contig, at))
        if max(len(change[1]), len(change[2])) > MAX_ALLELE:
            return VariantStatus.TOO_LONG, None
        return VariantStatus.OK, (contig, *change)

    def _windows(self, contig: str, start: int, ref: str, alt: str) -> np.ndarray | None:
        """Return (2 alleles, K shifts and strands, 1153) codes; None if too much of them is N."""
        left = start - CENTRE + min(self.shifts)
        right = start - CENTRE + max(self.shifts) + WINDOW_BASES + len(ref)
        stretch = self.genome.fetch(contig, left, right)
        pair = allele_windows(
            stretch,
            origin=left,
            start=start,
            ref_length=len(ref),
            alt=encode(alt),
            shifts=self.shifts,
        )
        forward = np.stack(pair)  # (2, S, 1153)
        if (forward[0] > 3).mean() > MAX_N:
            return None
        if self.strand == "forward":
            return forward
        backward = reverse_complement(forward)
        return backward if self.strand == "reverse" else np.concatenate([forward, backward], axis=1)

    def _effects(self, windows: np.ndarray) -> np.ndarray:
        """Return effects (3 kinds, n, O) of windows (n, 2 alleles, K, 1153)."""
        n, _, k, _ = windows.shape
        codes = torch.from_numpy(windows.reshape(-1, WINDOW_BASES))
        # every call has the same shape: another one may be computed by another algorithm, and an
        # allele scored alone then differed from the same in a batch by 1.1e-6 (now by 6e-8)
        missing = -len(codes) % self.batch_size
        codes = torch.cat([codes, codes[-1:].expand(missing, -1)])
        with torch.inference_mode(), full_float32():
            parts = [self._added(part.to(self.device)) for part in codes.split(self.batch_size)]
            # (n, 2, K, O): what each half of each allele's features adds to the log-odds
            biological, technical = (
                torch.cat(half)[: n * 2 * k].reshape(n, 2, k, -1)
                for half in zip(*parts, strict=True)
            )
            return self._swap(biological, technical).cpu().numpy()

    def _added(self, codes: Tensor) -> list[Tensor]:
        """Return what the biological and the technical half add to the log-odds, each (b, O)."""
        halves = self._model.features(codes)
        return [half @ psi.T for half, psi in zip(halves, self._weights, strict=True)]

    def _swap(self, biological: Tensor, technical: Tensor) -> Tensor:
        """Return effects (3, n, O): alleles swapped in both halves, one, the other."""
        ref_bio, alt_bio = biological.unbind(1)  # (n, K, O)
        ref_tech, alt_tech = technical.unbind(1)
        if self.scale == "logit":
            delta_bio, delta_tech = (alt_bio - ref_bio).mean(1), (alt_tech - ref_tech).mean(1)
            return torch.stack([delta_bio + delta_tech, delta_bio, delta_tech])
        reference = torch.sigmoid(ref_bio + ref_tech + self._bias)
        swapped = ((alt_bio, alt_tech), (alt_bio, ref_tech), (ref_bio, alt_tech))
        # the difference is taken per window and in float32, before the mean
        return torch.stack(
            [(torch.sigmoid(b + t + self._bias) - reference).mean(1) for b, t in swapped]
        )
