"""Windows of bins with few peaks: what profiles round a motif are compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfdvep.errors import InputError
from mfdvep.genomics.contigs import spellings
from mfdvep.genomics.sequences import N_CODE
from mfdvep.training.dataset import TrainingSet

FEWER_THAN = 2  # experiments with a peak
_MOST_N = 0.5  # of a window's bases, as in scoring


def quiet_windows(
    data: TrainingSet,
    n: int,
    *,
    n_bases: int,
    generator: np.random.Generator,
    contigs: Sequence[str] = (),
) -> np.ndarray:
    """Return windows whose central bin is in fewer than two experiments' peaks, (m <= n, n_bases).

    They are drawn without replacement, on the forward strand. Windows of which more than half is N
    are left out. An experiment that was not called on a contig counts as none there.

    Parameters
    ----------
    n
        How many, at most.
    contigs
        Where from, in any spelling; all contigs if the set has none of these.

    Raises
    ------
    InputError
        There are fewer than 2 such windows.

    Source
    ------
    MFD section 3.1 ("fewer than two peaks").
    """
    wanted = {name for contig in contigs for name in spellings(contig)}
    here = np.array([name in wanted for name in data.contigs], dtype=bool)
    if not here.any():
        here[:] = True
    few = np.diff(data.label_offsets) < FEWER_THAN
    rows = np.flatnonzero(few & here[data.bin_contig])
    found: list[np.ndarray] = []
    for row in generator.permutation(rows):
        if len(found) == n:
            break
        codes = data.codes(np.array([row]), n_bases=n_bases)[0]
        if (codes == N_CODE).mean() <= _MOST_N:
            found.append(codes)
    if len(found) < 2:
        raise InputError(
            f"{data.folder}: {len(found)} bins in the peaks of fewer than {FEWER_THAN} "
            "experiments; expected 2 or more; prepare a set with --keep-others, "
            "or give a BED of quiet regions"
        )
    return np.stack(found)
