"""The command as typed, for what is written of a run."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection


def as_typed(*, without: Collection[str] = ()) -> str:
    """Return the command as a shell takes it, but for some of its words."""
    return shlex.join(["mfdvep", *(word for word in sys.argv[1:] if word not in without)])
