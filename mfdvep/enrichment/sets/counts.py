"""What was read, what of it was removed and why, and what was kept: numbers that add up."""

from __future__ import annotations

from collections.abc import Sequence


class Counts:
    """Counts of one kind of thing; `n_read` is `n_kept` and all that is `removed`.

    Parameters
    ----------
    what
        The things that are read, such as "ALTs of sites.vcf.gz".
    kept
        What they are when they are kept, such as "labelled variants".
    reasons
        Why one may be removed, in the order in which they are told.
    """

    def __init__(self, what: str, kept: str, reasons: Sequence[str] = ()) -> None:
        self.what, self.kept = what, kept
        self.n_read = self.n_kept = 0
        self.removed = dict.fromkeys(reasons, 0)

    def read(self, n: int = 1) -> None:
        """Count things that are read."""
        self.n_read += n

    def remove(self, reason: str, n: int = 1) -> None:
        """Count things that are removed."""
        self.removed[reason] = self.removed.get(reason, 0) + n

    def keep(self, n: int = 1) -> None:
        """Count things that are kept."""
        self.n_kept += n

    def lines(self) -> list[str]:
        """Return the counts as a column that a person can add up."""
        lines = [f"{self.n_read:>13,} {self.what}"]
        lines += [f"{-n:>13,} {reason}" for reason, n in self.removed.items() if n]
        return [*lines, f"{self.n_kept:>13,} {self.kept}"]

    def __str__(self) -> str:
        """Return the counts as one line."""
        parts = [f"{n} {reason}" for reason, n in self.removed.items() if n]
        return f"{self.n_read} {self.what} = " + " + ".join([f"{self.n_kept} {self.kept}", *parts])
