"""Integrated gradients and gradient x input of targets, at the bases of sequences.

The input is the one-hot dinucleotides, (16, 1152) a window; the baseline of integrated gradients
is all zeros, which is a window of N. A token's score goes to a base as `at_forward_bases` says.

Source: MFD section 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from mfdvep.errors import InputError, ModelError
from mfdvep.genomics.sequences import shift_offsets
from mfdvep.interpret.gradients import Gradients
from mfdvep.interpret.targets import Target
from mfdvep.interpret.windows import check_stretches, mean_over_windows, strands_of, windows_of
from mfdvep.model.device import Precision, pick_device
from mfdvep.model.mfd import MFDModel

METHODS = ("ig", "gradient")
TOLERANCE = 0.01  # of |F(x) - F(0)|, which the sum of scores may miss
FLOOR = 0.002  # or this much: .002 of log-odds are at most .0005 of a probability
N_STEPS, MAX_STEPS = 16, 512
_BATCHES = 4  # of windows, whose scores are held at once

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Attribution:
    """What the bases of n sequences of L bases add to T targets.

    Attributes
    ----------
    targets
        T of them.
    scores
        (n, T, L) float32, at forward bases, in the unit of the target.
    value, baseline
        (n, T) and (T,) float32: the target of the sequences, and of a window of N.
    delta
        (n, T) float32: sum of scores - (value - baseline); 0 were the integral exact. NaN for
        gradient x input, which has no such sum.
    n_steps
        (n,) int32: points at which the gradient was taken, a window; 1 for gradient x input.
    converged
        (n,) bool: whether |delta| is within the tolerance for all targets.
    """

    targets: tuple[Target, ...]
    scores: np.ndarray
    value: np.ndarray
    baseline: np.ndarray
    delta: np.ndarray
    n_steps: np.ndarray
    converged: np.ndarray


@dataclass(frozen=True)
class AttributionOptions:
    """How scores are computed.

    Attributes
    ----------
    method
        "ig" (integrated gradients) or "gradient" (gradient x input).
    n_steps, max_steps
        Integrated gradients: points on the path; doubled for sequences whose sum of scores misses
        value - baseline by more than `TOLERANCE` of it (or `FLOOR`), up to `max_steps`.
    batch_size
        Windows at once; 0: what suits the device.
    """

    method: str = "ig"
    n_steps: int = N_STEPS
    max_steps: int = MAX_STEPS
    batch_size: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"method {self.method!r}; expected {' or '.join(METHODS)}")
        if not 1 <= self.n_steps <= self.max_steps:
            raise InputError(
                f"{self.n_steps} steps of at most {self.max_steps}; expected 1 or more, and not "
                "more than the limit"
            )


def attribute(
    model: MFDModel,
    codes: np.ndarray,
    targets: Sequence[Target],
    *,
    method: str = "ig",
    n_steps: int = N_STEPS,
    max_steps: int = MAX_STEPS,
    device: str = "auto",
    batch_size: int = 0,
    progress: Progress | None = None,
) -> Attribution:
    """Return what the bases of windows add to targets, read forward and as they are.

    Parameters
    ----------
    codes
        (n, 1153) uint8 base codes.
    method, n_steps, max_steps, batch_size
        As for `AttributionOptions`.
    device
        "auto", "cpu", "cuda", "cuda:1" ...
    progress
        Told how many windows are done, and of how many.

    Raises
    ------
    InputError, ModelError
        As for `attribute_stretches`.
    """
    return attribute_stretches(
        model,
        codes,
        targets,
        shifts=1,
        strand="forward",
        options=AttributionOptions(method, n_steps, max_steps, batch_size),
        device=device,
        progress=progress,
    )


def attribute_stretches(
    model: MFDModel,
    codes: np.ndarray,
    targets: Sequence[Target],
    *,
    shifts: int | str | Sequence[int] = 11,
    strand: str = "both",
    options: AttributionOptions | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Attribution:
    """Return what bases add to the mean of targets over shifts and strands.

    Parameters
    ----------
    codes
        (n, L) uint8 base codes, L = `stretch_bases(shift_offsets(shifts))`.
    targets
        One or more. Integrated gradients take as many steps for all, so that those of a target
        are those of its biological half plus those of its technical half.
    shifts
        As for `shift_offsets`.
    strand
        "both", "forward" or "reverse".
    options
        See `AttributionOptions`.
    device
        "auto", "cpu", "cuda", "cuda:1" ...
    progress
        Told how many sequences are done, and of how many.

    Raises
    ------
    InputError
        An option or an array of another form, or no target.
    ModelError
        The model gave a value that is not finite.
    """
    options = options or AttributionOptions()
    offsets = shift_offsets(shifts)
    check_stretches(codes, offsets)
    work = _Work(model, targets, options, pick_device(device))
    parts = []
    n_group = work.stretches_at_once(offsets, strand)
    for first in range(0, len(codes), n_group):
        part = work.converged(codes[first : first + n_group], offsets, strand)
        parts.append(part)
        if progress is not None:
            progress(first + len(part.scores), len(codes))
    if not parts:
        return work.converged(codes, offsets, strand)
    names = ("scores", "value", "delta", "n_steps", "converged")
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in names
    }
    return replace(parts[0], **joined)


class _Work:
    """A model, targets and options, ready to attribute."""

    def __init__(
        self,
        model: MFDModel,
        targets: Sequence[Target],
        options: AttributionOptions,
        device: torch.device,
    ) -> None:
        if not targets:
            raise InputError("no target to attribute; give one or more")
        self.targets, self._options = tuple(targets), options
        basis, self._mix = _basis(self.targets)
        self._gradients = Gradients(model.to(device).eval(), basis, batch_size=options.batch_size)

    def stretches_at_once(self, offsets: Sequence[int], strand: str) -> int:
        """Return how many stretches fill a few batches."""
        n_windows = len(offsets) * len(strands_of(strand))
        return max(1, _BATCHES * self._gradients.batch_size // n_windows)

    def converged(self, codes: np.ndarray, offsets: Sequence[int], strand: str) -> Attribution:
        """Return the attribution of stretches (n, L), with as many steps as each takes."""
        windows = windows_of(codes, offsets, strand)  # (n, K, 1153)
        n = len(codes)
        with Precision("float32").in_force():
            at_zero = self._mix @ self._gradients.value_of_zeros()  # (T,)
            at_input = self._gradients.values(windows).mean(axis=1) @ self._mix.T  # (n, T)
            _check(at_input, at_zero)
            expected = at_input - at_zero
            scores = np.zeros((n, len(self.targets), codes.shape[1]), dtype=np.float32)
            n_steps = np.ones(n, dtype=np.int32)
            delta = np.full(expected.shape, np.nan)
            done = np.zeros(n, dtype=bool)
            if self._options.method == "gradient":
                tokens = self._gradients.times_input(windows)
                scores[:] = self._at_bases(tokens, offsets, strand)
                done[:] = True
            steps = self._options.n_steps
            while not done.all() and steps <= self._options.max_steps:
                todo = np.flatnonzero(~done)
                tokens = self._gradients.integrated(windows[todo], steps)  # (m, K, B, 1152)
                found = self._at_bases(tokens, offsets, strand)
                scores[todo], n_steps[todo] = found, steps
                delta[todo] = found.sum(axis=2) - expected[todo]
                allowed = np.maximum(TOLERANCE * np.abs(expected[todo]), FLOOR)
                done[todo] = (np.abs(delta[todo]) <= allowed).all(axis=1)
                steps *= 2
        _check(scores)
        value, base, missed = (x.astype(np.float32) for x in (at_input, at_zero, delta))
        return Attribution(self.targets, scores, value, base, missed, n_steps, done)

    def _at_bases(self, tokens: np.ndarray, offsets: Sequence[int], strand: str) -> np.ndarray:
        """Return scores of the targets (n, T, L) of those of the basis' tokens."""
        return self._mix @ mean_over_windows(tokens, offsets, strand)


def _check(*arrays: np.ndarray) -> None:
    """Refuse numbers that are not finite."""
    if not all(np.isfinite(array).all() for array in arrays):
        raise ModelError("the model gave a value that is not finite; its weights are damaged")


def _basis(targets: Sequence[Target]) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (B, C) float32, and how targets are sums of them, (T, B) of 0 and 1.

    They are the targets' halves, or the targets themselves where those are fewer: the three
    halves of a track take two gradients. A silent target is the sum of none.
    """
    found = []
    for kinds in (("combined",), ("biological", "technical")):
        at: dict[bytes, int] = {}
        rows: list[np.ndarray] = []
        mix = []
        for target in targets:
            parts = [part for part in map(target.half, kinds) if not part.is_silent]
            for part in parts:
                if at.setdefault(part.weights.tobytes(), len(rows)) == len(rows):
                    rows.append(part.weights)
            mix.append([at[part.weights.tobytes()] for part in parts])
        found.append((rows, mix))
    rows, mix = min(found, key=lambda each: len(each[0]))
    mixing = np.zeros((len(targets), max(len(rows), 1)))
    for t, members in enumerate(mix):
        mixing[t, members] = 1
    return np.stack(rows or [np.zeros_like(targets[0].weights)]), mixing
