"""What may be chosen of burdens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mfdvep.cohort.weighting import DEFAULT, OVER_TRACKS, Weighting
from mfdvep.errors import InputError
from mfdvep.genomics.genotypes import FIELDS


@dataclass(frozen=True)
class BurdenOptions:
    """Choices, as `mfdvep burden` has them.

    Attributes
    ----------
    weights
        See `parse_weightings`.
    where, tracks
        Which tracks of the matrix, see `select`; neither: all.
    over_tracks
        How tracks become one: "mean" or "largest", see `weights_of`.
    upstream, downstream
        Bases added to genes, see `read_regions`.
    maf_max
        Largest minor allele frequency of an ALT that counts, above 0, to .5.
    maf_key
        INFO key with the ALT's frequency; None: among the people's called alleles.
    field
        "GT", "DS", "GP" or "auto", see `Genotypes`.
    samples
        File of the people's ids; None: all.
    fasta
        Genome by which indels are aligned to the left; None: they are only trimmed.
    model
        Name or sha256 of the model that the scores must be of; None: any.

    Raises
    ------
    InputError
        A number or word that is none of these.
    """

    weights: Sequence[str] = DEFAULT
    where: Sequence[str] = ()
    tracks: Sequence[str] = ()
    over_tracks: str = "mean"
    upstream: int = 0
    downstream: int = 0
    maf_max: float = 0.01
    maf_key: str | None = None
    field: str = "auto"
    samples: str | Path | None = None
    fasta: str | Path | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.maf_max <= 0.5:
            raise InputError(f"largest MAF {self.maf_max}: expected above 0, to 0.5")
        if self.over_tracks not in OVER_TRACKS:
            raise InputError(f"over tracks {self.over_tracks!r}: expected {', '.join(OVER_TRACKS)}")
        if self.field not in ("auto", *FIELDS):
            raise InputError(f"field {self.field!r}: expected auto, {', '.join(FIELDS)}")
        if min(self.upstream, self.downstream) < 0:
            raise InputError("bases upstream and downstream: expected 0 or more")
        if not self.weights:
            raise InputError("no weighting; give one such as biological:absolute")

    def record(self, weightings: Sequence[Weighting], n_tracks: int) -> dict[str, Any]:
        """Return the choices for what is written of a run."""
        files = {"samples": self.samples, "fasta": self.fasta}
        named = {name: path and Path(path).name for name, path in files.items()}
        found = {**asdict(self), **named, "weights": [one.name for one in weightings]}
        return {**found, "n_tracks": n_tracks, "aligned": self.fasta is not None}
