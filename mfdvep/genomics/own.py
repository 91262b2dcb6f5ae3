"""What in a VCF is whose: the INFO keys and header lines of each annotation by this tool."""

from __future__ import annotations

from dataclasses import dataclass

_GENE = "MFD_GENE"


@dataclass(frozen=True)
class Annotation:
    """One of the annotations that a VCF can have side by side.

    Attributes
    ----------
    command
        What makes it.
    lines
        How the header lines start that say how it was made.
    """

    command: str
    lines: tuple[str, ...]

    def has(self, key: str) -> bool:
        """Return whether an INFO key is of this annotation."""
        return is_mfd(key) and (self is GENES) == (key == _GENE or key.startswith(f"{_GENE}_"))


ALLELES = Annotation(
    "mfdvep score",
    tuple(
        f"##mfdvep{what}=" for what in ("Version", "Command", "Model", "Reference", "VirtualTrack")
    ),
)
"""MFD and MFD_*, but for those of `GENES`."""
GENES = Annotation("mfdvep expression score", ("##mfdvepGene",))
"""MFD_GENE and MFD_GENE_*."""


def is_mfd(key: str) -> bool:
    """Return whether an INFO key is one of those that are kept for this tool: MFD, MFD_*."""
    return key == "MFD" or key.startswith("MFD_")
