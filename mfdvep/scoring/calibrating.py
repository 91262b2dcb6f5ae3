"""A background to its table of sizes: variants scored into a matrix, and that read in parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep import __version__
from mfdvep.errors import InputError
from mfdvep.files import sha256
from mfdvep.genomics.bcf import quiet_htslib
from mfdvep.genomics.info_columns import InfoColumns
from mfdvep.genomics.vcf import Record, open_vcf
from mfdvep.model.virtual import VIRTUAL, virtual_tracks
from mfdvep.overlap import ahead
from mfdvep.scoring.calibration import Calibration, knot_ranks
from mfdvep.scoring.effect_file import EffectFile
from mfdvep.scoring.guard import check_reference
from mfdvep.scoring.matrix import EffectWriter
from mfdvep.scoring.pipeline import CHUNK_ALLELES
from mfdvep.scoring.provenance import run_provenance
from mfdvep.scoring.reading import read_chunks
from mfdvep.scoring.scorer import Scorer
from mfdvep.scoring.variant_file import texts_of
from mfdvep.scoring.windows import Prepared

LEAST = 100  # variants of a background
AF = "AF"
_HELD = 1 << 26  # effects sorted at once, 256 MB
_OF_EFFECTS = (
    "model", "reference", "n_tracks", "scale", "strand", "shifts", "sign", "averaging", "device",
    "engine", "precision", "storage",
)  # fmt: skip


def score_background(
    vcf: str | Path,
    scorer: Scorer,
    matrix: Path,
    *,
    min_af: float | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> None:
    """Write the matrix of a background, of the records with an ALT that is frequent enough.

    Parameters
    ----------
    vcf
        A VCF, VCF.gz, BCF or Parquet file.
    matrix
        The file; with INFO AF as a column if `min_af` is given.
    min_af
        Only records with an ALT whose INFO AF is at least this.
    progress
        Called with the number of records that are scored, and None for the unknown total.

    Raises
    ------
    InputError, ModelError, OutputError
        As from `score_vcf`; also for an AF that is not declared, or is no number.
    """
    with ExitStack() as stack:
        stack.enter_context(quiet_htslib())
        reader = stack.enter_context(open_vcf(vcf))
        keys = () if min_af is None else (AF,)
        info = InfoColumns.of(reader.header_lines, keys, by_alt=keys, name=reader.name)
        records: Iterable[Record] = check_reference(reader, scorer.windows, vcf)
        if min_af is not None:
            records = _frequent(records, info, min_af)
        size = CHUNK_ALLELES[scorer.device.type]
        chunks = ahead(read_chunks(records, scorer.windows, None, max_alleles=size))
        stack.enter_context(closing(chunks))
        provenance = run_provenance(
            scorer, command="", regions=None, top_k=0, min_abs=0.0, storage="float32",
            calibration=None,
        )  # fmt: skip
        writer = EffectWriter(matrix, scorer.tracks, provenance, extra=keys)
        stack.enter_context(writer)
        n = 0
        for chunk in chunks:
            assert isinstance(chunk.content, Prepared)  # nothing was finished earlier
            writer.write(scorer.score_prepared(chunk.content), info.values(chunk.records))
            n += len(chunk.records)
            if progress is not None:
                progress(n, None)


def calibrate(
    matrix: str | Path,
    *,
    background: str | Path | None = None,
    min_af: float | None = None,
    command: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Return the table of sizes of the scored variants in a matrix.

    Held in memory: the effects of one kind on some tracks, 256 MB or those on one track if they are
    more, and what `EffectFile.effects` and `EffectFile.variants` hold.

    Parameters
    ----------
    matrix
        As `mfdvep score --matrix` writes it.
    background
        The file that it was scored from, to be named in the table; None: the matrix is.
    min_af
        Only ALTs whose AF, a column of the matrix, is at least this.
    command
        For the table's provenance.
    progress
        Called with the number of tracks done, of each kind, and that of all.

    Raises
    ------
    InputError
        Not such a matrix, or damaged; it has no column AF, or one with other than numbers; fewer
        than 100 variants are left.
    """
    file = EffectFile(matrix)
    if missing := [key for key in ("model", "scale", "strand", "shifts", "reference")
                   if key not in file.provenance]:  # fmt: skip
        raise InputError(
            f"{matrix}: does not say with which {missing[0]} it was made; score the background "
            "anew: mfdvep score --matrix"
        )
    used = np.array([status == "OK" for status in texts_of(file.column("status"))], dtype=bool)
    if min_af is not None:
        used &= np.array([_is_frequent(af, min_af, file.path) for af in file.text(AF)], dtype=bool)
    n = int(np.count_nonzero(used))
    if n < LEAST:
        which = "" if min_af is None else f" of an AF of at least {min_af:g}"
        raise InputError(
            f"{background or matrix}: {n} of {len(file)} ALTs{which} are scored; a background "
            f"needs {LEAST} or more, and thousands for its tails"
        )
    ranks = knot_ranks(n)
    sizes = {}
    n_tracks, done = len(file.tracks), 0
    step = max(1, _HELD // n)
    for kind in file.kinds:
        of_kind = np.empty((n_tracks + 1, len(ranks)), dtype=np.float32)
        largest = np.zeros(n, dtype=np.float32)
        for first in range(0, n_tracks, step):
            block = file.effects(kind, slice(first, first + step), used)  # (k, n)
            if np.isnan(block).any():
                raise InputError(
                    f"{matrix}: a {kind} effect of an ALT whose status is OK is no number; score "
                    "the background anew: mfdvep score --matrix"
                )
            np.abs(block, out=block)
            np.maximum(largest, block.max(axis=0), out=largest)
            block.sort(axis=1)
            of_kind[first : first + len(block)] = block[:, ranks]
            done += len(block)
            if progress is not None:
                progress(done, len(file.kinds) * n_tracks)
        largest.sort()
        of_kind[-1] = largest[ranks]
        sizes[kind] = of_kind
    source = Path(matrix if background is None else background)
    about: dict[str, Any] = {
        "mfdvep": __version__,
        "command": command,
        **{key: file.provenance[key] for key in _OF_EFFECTS if key in file.provenance},
        "background": {"file": source.name, "sha256": sha256(source)},
        "filters": {"min_af": min_af},
        VIRTUAL: virtual_tracks(file.tracks),
    }
    return Calibration(file.tracks.names, sizes, ranks, about)


def _frequent(records: Iterable[Record], info: InfoColumns, min_af: float) -> Iterator[Record]:
    """Yield the records with an ALT that is frequent enough."""
    for record in records:
        values = info.of_record(record)[AF]
        if any(_is_frequent(value, min_af, info.name) for value in values):
            yield record


def _is_frequent(text: str | None, min_af: float, name: str) -> bool:
    """Return whether an AF is at least this; False where it is not known."""
    if text is None:
        return False
    try:
        af = float(text)
    except ValueError:
        af = math.nan
    if not 0 <= af <= 1:
        raise InputError(f"{name}: AF {text[:40]} is no frequency, from 0 to 1; repair it")
    return af >= min_af
