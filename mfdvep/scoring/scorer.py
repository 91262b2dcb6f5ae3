"""Variants to effects: what an allele changes, in all and through each half of the features."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mfdvep.errors import InputError, ModelError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import CENTRE, WINDOW_BASES
from mfdvep.genomics.variants import Variant
from mfdvep.model.device import Precision, pick_device, windows_at_once
from mfdvep.model.mfd import MFDModel
from mfdvep.scoring.effects import EffectBatch
from mfdvep.scoring.engines import ENGINES
from mfdvep.scoring.swap import Head
from mfdvep.scoring.windows import AlleleWindows, Change, Prepared


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
    device
        Where to compute: "auto", "cpu", "cuda", "cuda:1" ...
    engine
        "incremental", or "plain": every window by itself, several times slower.
    precision
        "auto", or as for `Precision`.
    batch_size
        How many windows are held at once, or "auto". Another number may move effects by 1e-6.

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
        engine: str = "incremental",
        precision: str = "auto",
        batch_size: int | str = "auto",
    ) -> None:
        if engine not in ENGINES:
            raise InputError(f"engine {engine!r}; expected {' or '.join(ENGINES)}")
        if batch_size != "auto" and (isinstance(batch_size, str) or batch_size < 1):
            raise InputError(f"batch size {batch_size!r}; expected auto, or at least 1")
        self.windows = AlleleWindows(genome, shifts=shifts, strand=strand)
        self.device = pick_device(device)
        self.engine = engine
        self.precision = Precision.pick(precision, self.device, width=model.config.width)
        self.batch_size = batch_size
        self._model = model.to(self.device).eval()
        rows = list(range(len(model.tracks)) if tracks is None else tracks)
        self._head = Head(self._model, rows, scale)
        self.tracks = model.tracks.take(rows)
        self._engine = ENGINES[engine](self._model.trunk, self.windows, self.precision.dtype)
        self._size = (
            windows_at_once(self.device, model.config.width, engine=engine)
            if isinstance(batch_size, str)
            else batch_size
        )
        self._must_tell = False

    @property
    def provenance(self) -> dict[str, Any]:
        """What, with the model and the reference, makes the numbers what they are."""
        return {
            "scale": self._head.scale,
            "strand": self.windows.strand,
            "shifts": list(self.windows.shifts),
            "sign": "ALT minus REF",
            "averaging": "effects averaged over shifts and strands",
            "device": self.device.type,
            "engine": self.engine,
            "precision": self.precision.name,
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
        """Return the effects of variants whose changes have been found by `self.windows`.

        Raises
        ------
        ModelError
            The model gave a value that is not finite, or has too little memory.
        """
        effects = np.full((3, len(prepared.variants), len(self.tracks)), np.nan, dtype=np.float32)
        changes = {i: change for i, change in enumerate(prepared.changes) if change is not None}
        scored = list(changes)
        # zero by definition; a change of length is computed apart and may round differently
        silent = [i for i, change in changes.items() if self.windows.is_silent(change)]
        effects[:, silent] = 0
        for i in silent:
            del changes[i]
        for of, found in self._effects(changes):
            effects[:, of] = found
        if not np.isfinite(effects[:, scored]).all():
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

    def alleles_per_second(self) -> float:
        """Return how many SNVs a second the model scores here, from one batch of random ones."""
        rng = np.random.default_rng(0)
        shifts = self.windows.shifts
        n_bases = WINDOW_BASES + shifts[-1] - shifts[0] + 1
        at = CENTRE - shifts[0]
        k = 2 * len(shifts) * self.windows.n_strands
        changes = {}
        for i in range(max(1, self._size // k)):
            codes = rng.integers(0, 4, n_bases, dtype=np.uint8)
            # contigs of their own, so that nothing is shared between them
            changes[i] = Change(str(i), at, 1, (codes[at : at + 1] + 1) % 4, at, codes)
        took = []
        for _ in range(2):  # the first one is slower
            began = time.perf_counter()
            list(self._effects(changes))
            took.append(time.perf_counter() - began)
        return len(changes) / took[-1]

    def _effects(self, changes: dict[int, Change]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield keys (n,) and effects (3 kinds, n, O) of all changes, with what memory there is."""
        todo = dict(changes)
        while todo:
            keys = np.array(list(todo))
            try:
                with torch.inference_mode(), self.precision.in_force():
                    for of, found in self._computed(list(todo.values())):
                        yield keys[of], found.cpu().numpy()
                        self._tell()
                        for key in keys[of]:
                            del todo[key]
            except (RuntimeError, MemoryError) as error:
                self._halve(error)

    def _computed(self, changes: list[Change]) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield indices (n,) and effects (3, n, O), on the device.

        Always one batch behind, so that a GPU has the next one when it is asked for this.
        """
        before = None
        for of, pairs in self._engine.pairs(changes, self._size):
            found = self._head.effects(pairs, n_strands=self.windows.n_strands, n=len(of))
            if before is not None:
                yield before
            before = of, found
        if before is not None:
            yield before

    def _halve(self, error: Exception) -> None:
        """Go on with half as many windows at once after a lack of memory."""
        if not isinstance(error, MemoryError) and "memory" not in str(error):
            raise error
        if self._size == 1:
            raise ModelError(
                f"no memory on {self.device} for one window at once; give fewer --shifts or "
                "another --device"
            ) from error
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self._size //= 2
        self._must_tell = True

    def _tell(self) -> None:
        """Say once, when it is known to fit, with how many windows at once it goes on."""
        if self._must_tell:
            self._must_tell = False
            warnings.warn(
                f"too little memory on {self.device}: {self._size} windows at once from here "
                f"on; --batch-size {self._size} says so from the start",
                RuntimeWarning,
                stacklevel=2,
            )
