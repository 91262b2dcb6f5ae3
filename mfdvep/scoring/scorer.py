"""Sequences to effects: what an allele changes, in all and through each half of the features.

Source: science.md "Variant effects" (MFD section 3.3), written ALT minus REF.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mfdvep.errors import InputError, ModelError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import N_CODE, WINDOW_BASES
from mfdvep.genomics.variants import Variant
from mfdvep.model.device import full_float32, pick_device
from mfdvep.model.mfd import MFDModel
from mfdvep.scoring.effects import EffectBatch
from mfdvep.scoring.windows import AlleleWindows, Prepared

SCALES = ("probability", "logit")
_GROUP = 32  # variants whose logits are held at once


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
        if scale not in SCALES:
            raise InputError(f"scale {scale!r}; expected {', '.join(SCALES)}")
        if batch_size < 1:
            raise InputError(f"batch size {batch_size}; expected at least 1")
        self.scale = scale
        self.windows = AlleleWindows(genome, shifts=shifts, strand=strand)
        self.device = pick_device(device)
        self.batch_size = batch_size
        self._model = model.to(self.device).eval()
        rows = list(range(len(model.tracks)) if tracks is None else tracks)
        if not rows:
            raise InputError("no tracks chosen; give one or more rows of the model's tracks")
        self.tracks = model.tracks.take(rows)
        chosen = torch.tensor(rows, device=self.device)
        self._weights = [psi[chosen] for psi in model.output_weights()]  # each (O, C / 2)
        self._bias = model.bias.detach()[chosen]  # (O,)

    @property
    def provenance(self) -> dict[str, Any]:
        """What, with the model and the reference, makes the numbers what they are."""
        return {
            "scale": self.scale,
            "strand": self.windows.strand,
            "shifts": list(self.windows.shifts),
            "sign": "ALT minus REF",
            "averaging": "effects averaged over shifts and strands",
            "device": self.device.type,
            "precision": "float32",
            "batch_size": self.batch_size,
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
        InputError, ModelError
            As for `AlleleWindows.prepare` and `score_prepared`.
        """
        return self.score_prepared(self.windows.prepare(variants))

    def score_prepared(self, prepared: Prepared) -> EffectBatch:
        """Return the effects of variants whose windows have been cut by `self.windows`.

        Raises
        ------
        ModelError
            The model gave a value that is not finite.
        """
        effects = np.full((3, len(prepared.variants), len(self.tracks)), np.nan, dtype=np.float32)
        windows = {i: pair for i, pair in enumerate(prepared.windows) if pair is not None}
        # zero by definition; two places in a batch may round differently
        effects[:, [i for i, (ref, alt) in windows.items() if np.array_equal(ref, alt)]] = 0
        differ = [i for i, (ref, alt) in windows.items() if not np.array_equal(ref, alt)]
        for first in range(0, len(differ), _GROUP):
            group = differ[first : first + _GROUP]
            with self._enough_memory():
                effects[:, group] = self._effects(np.stack([windows[i] for i in group]))
        if not np.isfinite(effects[:, list(windows)]).all():
            raise ModelError("the model gave an effect that is not finite; its weights are damaged")
        combined, biological, technical = effects
        return EffectBatch(
            prepared.variants,
            prepared.status,
            combined,
            biological,
            technical,
            tracks=self.tracks,
            provenance=self.provenance,
        )

    def windows_per_second(self) -> float:
        """Return how many windows a second the model runs on here, from two batches of N."""
        pair = np.full((1, 2, self.batch_size, WINDOW_BASES), N_CODE, dtype=np.uint8)
        self._effects(pair)  # the first one is slower
        began = time.perf_counter()
        self._effects(pair)
        return 2 * self.batch_size / (time.perf_counter() - began)

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

    @contextmanager
    def _enough_memory(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if isinstance(error, MemoryError) or "memory" in str(error):
                raise ModelError(
                    f"no memory on {self.device} for {self.batch_size} windows at once; give a "
                    "smaller --batch-size"
                ) from error
            raise

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
