"""Variants to effects: what an allele changes, in all and through each half of the features."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from mfdvep.errors import InputError, ModelError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import CENTRE, WINDOW_BASES
from mfdvep.genomics.variants import Variant
from mfdvep.model.device import Precision, fetching, pick_device, windows_at_once
from mfdvep.model.mfd import MFDModel
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effects import AlleleFeatures, EffectBatch
from mfdvep.scoring.engines import ENGINES
from mfdvep.scoring.swap import Head
from mfdvep.scoring.windows import AlleleWindows, Change, Prepared

_NO_MEMORY = ("out of memory", "can't allocate memory", "ALLOC_FAILED")


class ScorerFace(Protocol):
    """What a run asks of a scorer, wherever it computes; see `Scorer`."""

    windows: AlleleWindows
    tracks: TrackTable
    n_latent: int
    device: Any

    @property
    def provenance(self) -> dict[str, Any]:
        """What, with the model and the reference, makes the numbers what they are."""

    @property
    def model_provenance(self) -> dict[str, str]:
        """Name and sha256 of the model's weights."""


class Scorer:
    """Scores variants with a model on a genome, as the model is when this is made.

    The last digits of an effect (some 1e-6 of it) depend on what is computed beside it, on the
    device and on the number of threads.

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
        How many windows' activations are held at once, or "auto": of the incremental engine,
        what 1152 rows for each of them take, and up to four times that where variants share.

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
        if batch_size != "auto" and (type(batch_size) is not int or batch_size < 1):
            raise InputError(f"batch size {batch_size!r}; expected auto, or a count of at least 1")
        if model.config.plain:
            warnings.warn(
                "a plain baseline knows no biology from technique: read its combined effects, "
                "the other two mean nothing",
                stacklevel=2,
            )
        self.windows = AlleleWindows(genome, shifts=shifts, strand=strand)
        self.device = pick_device(device)
        self.engine = engine
        self.precision = Precision.pick(
            precision,
            self.device,
            width=model.config.width,
            n_shifts=len(self.windows.shifts),
            engine=engine,
        )
        self.batch_size = (
            windows_at_once(self.device, model.config.width, engine=engine)
            if isinstance(batch_size, str)
            else batch_size
        )
        self._model = model.to(self.device).eval()
        rows = list(range(len(model.tracks)) if tracks is None else tracks)
        self._head = Head(self._model, rows, scale)
        self.tracks = model.tracks.take(rows)
        self.n_latent = model.config.n_latent
        self._engine = ENGINES[engine](self._model.trunk, self.windows, self.precision.dtype)
        self._size = self.batch_size  # until memory is short

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

    def score(self, variants: Sequence[Variant], *, features: bool = False) -> EffectBatch:
        """Return the effects of variants, in their order; a status says why one has none.

        Parameters
        ----------
        features
            Whether the batch has the latent features too.

        Raises
        ------
        InputError, ModelError
            As for `AlleleWindows.prepare` and `score_prepared`.
        """
        return self.score_prepared(self.windows.prepare(variants), features=features)

    def score_prepared(self, prepared: Prepared, *, features: bool = False) -> EffectBatch:
        """Return the effects of variants whose changes have been found by `self.windows`.

        They are the same numbers with and without the features.

        Raises
        ------
        ModelError
            The model gave a value that is not finite, or has too little memory.
        """
        effects = self._empty(3, prepared, len(self.tracks))
        latent = self._empty(2, prepared, self.n_latent) if features else None
        changes = {i: change for i, change in enumerate(prepared.changes) if change is not None}
        scored = list(changes)
        # zero by definition; a change of length is computed apart and may round differently
        silent = {i: change for i, change in changes.items() if self.windows.is_silent(change)}
        effects[:, list(silent)] = 0
        for i in silent:
            del changes[i]
        for of, found in self._found(changes, features):
            effects[:, of] = found[0]
            if latent is not None:
                latent[:, of] = found[1]
        if latent is not None:
            for of, found in self._found({i: _some_snv(c) for i, c in silent.items()}, features):
                latent[0, of], latent[1, of] = found[1][0], 0
        for values in (effects, latent):
            if values is not None and not np.isfinite(values[:, scored]).all():
                raise ModelError(
                    f"the model gave an effect that is not finite in {self.precision.name}; its "
                    "weights are damaged, or too large for that precision (try --precision float32)"
                )
        combined, biological, technical = effects
        return EffectBatch(
            prepared.variants,
            prepared.status,
            combined,
            biological,
            technical,
            tracks=self.tracks,
            provenance=self.provenance,
            features=None if latent is None else AlleleFeatures(*latent),
        )

    @staticmethod
    def _empty(n_kinds: int, prepared: Prepared, width: int) -> np.ndarray:
        return np.full((n_kinds, len(prepared.variants), width), np.nan, dtype=np.float32)

    def alleles_per_second(self) -> float:
        """Return how many SNVs a second are scored here, from half a second of random ones."""
        rng = np.random.default_rng(0)
        shifts = self.windows.shifts
        n_bases = WINDOW_BASES + shifts[-1] - shifts[0] + 1
        at = CENTRE - shifts[0]
        changes: dict[int, Change] = {}
        while True:
            for i in range(len(changes), 4 * len(changes) or 2):
                codes = rng.integers(0, 4, n_bases, dtype=np.uint8)
                # contigs of their own, so that nothing is shared between them
                changes[i] = Change(str(i), at, 1, (codes[at : at + 1] + 1) % 4, at, codes)
            began = time.perf_counter()
            list(self._found(changes))
            took = time.perf_counter() - began
            if took > 0.5 or len(changes) > 10_000:
                return len(changes) / took

    def _found(
        self, changes: dict[int, Change], features: bool = False
    ) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Yield keys (n,) and what is found of all changes, with what memory there is.

        That is effects (3 kinds, n, O) and, if they are asked for, features (2, n, C).
        """
        todo = dict(changes)
        while todo:
            keys, lacking = np.array(list(todo)), ""
            try:
                with torch.inference_mode(), self.precision.in_force():
                    for of, found in self._computed(list(todo.values()), features):
                        yield keys[of], found
                        for key in keys[of]:
                            del todo[key]
            except (RuntimeError, MemoryError) as error:
                if not (
                    isinstance(error, MemoryError)
                    or any(words in str(error) for words in _NO_MEMORY)
                ):
                    raise
                lacking = str(error).splitlines()[0] if str(error) else "MemoryError"
            if lacking:  # here the error, and what its traceback holds, is gone
                self._halve(lacking)

    def _computed(
        self, changes: list[Change], features: bool
    ) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Yield indices (n,) and what `_found` yields of them.

        Always one batch behind, so that a GPU has the next one while this one is used.
        """
        before = None
        made = [self._head.effects, *([self._head.features] if features else [])]
        for of, pairs in self._engine.pairs(changes, self._size):
            found = [make(pairs, n_strands=self.windows.n_strands, n=len(of)) for make in made]
            fetched = [fetching(each) for each in found]
            if before is not None:
                yield before[0], [fetch() for fetch in before[1]]
            before = of, fetched
        if before is not None:
            yield before[0], [fetch() for fetch in before[1]]

    def _halve(self, lacking: str) -> None:
        """Go on with half as many windows at once; say so the first time."""
        if self._size == 1:
            raise ModelError(
                f"no memory on {self.device} for one window at once ({lacking}); give fewer "
                "--shifts or another --device"
            )
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self._size == self.batch_size:
            warnings.warn(
                f"too little memory on {self.device} for {self._size} windows at once: going on "
                "with half as many, or fewer; a smaller --batch-size avoids the retry",
                RuntimeWarning,
                stacklevel=2,
            )
        self._size //= 2


def _some_snv(change: Change) -> Change:
    """Return an SNV with the same windows with REF, which an engine computes beside a change."""
    at = change.at
    alt = (change.reference[at : at + 1] + 1) % 4
    return Change(change.contig, change.start, 1, alt, at, change.reference)
