"""What the numbers of a run depend on: for its files, and to tell whether a run is the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mfdvep import __version__
from mfdvep.genomics.regions import Regions
from mfdvep.genomics.sections import Section
from mfdvep.genomics.text import CODEC
from mfdvep.model.virtual import virtual_tracks
from mfdvep.scoring.scorer import ScorerFace

_OF_THE_MACHINE = ("mfdvep", "command", "torch")


def run_provenance(
    scorer: ScorerFace,
    *,
    command: str,
    regions: Regions | None,
    top_k: int,
    min_abs: float,
    storage: str,
    calibration: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return what the numbers of a run depend on, as JSON has it.

    Parameters
    ----------
    command
        As typed; "" from Python.
    regions, top_k, min_abs, storage
        See `score_vcf`.
    calibration
        What is written of the table of quantiles, see `TrackQuantiles.record`; None for none.
    """
    return {
        "mfdvep": __version__,
        "command": command,
        "model": scorer.model_provenance,
        "reference": scorer.windows.genome.record,
        "n_tracks": len(scorer.tracks),
        "virtual": virtual_tracks(scorer.tracks),
        **scorer.provenance,
        "regions": None if regions is None else regions.describe(),
        "top_k": top_k,
        "min_abs": min_abs,
        "storage": storage,
        "calibration": calibration,
    }


def without_versions(provenance: dict[str, Any]) -> dict[str, Any]:
    """Return a provenance without what another version or spelling of the command changes."""
    return {key: value for key, value in provenance.items() if key not in _OF_THE_MACHINE}


def run_identity(
    provenance: dict[str, Any],
    scorer: ScorerFace,
    header: Iterable[str],
    *,
    outputs: Mapping[str, str],
    sections: Sequence[Section] = (),
    **options: Any,
) -> dict[str, Any]:
    """Return what must be the same for a run to go on where it stopped, as `ChunkStore` takes it.

    Parameters
    ----------
    header
        Lines of the input's header.
    outputs
        Use -> path of each, from where they all move together.
    sections
        Of the input.
    options
        Whatever else the bytes of the files depend on.
    """
    file = Path(scorer.windows.genome.path).stat()
    return {
        **provenance,
        "size of the FASTA": file.st_size,
        "time of change of the FASTA": file.st_mtime_ns,
        "header of the VCF": digest(header),
        "tracks": digest(scorer.tracks.names),
        "outputs": dict(outputs),
        "cut into sections": [len(sections), digest(map(repr, sections))],
        **options,
    }


def digest(lines: Iterable[str]) -> str:
    """Return the SHA-256 of lines, in hexadecimal."""
    return hashlib.sha256("\n".join(lines).encode(**CODEC)).hexdigest()
