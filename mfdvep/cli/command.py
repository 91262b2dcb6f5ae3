"""The command as typed, for what is written of a run."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Collection, Mapping
from types import MappingProxyType


def as_typed(
    *, without: Collection[str] = (), options: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return the command as a shell takes it, but for some of its words.

    Parameters
    ----------
    without
        Words that are left out.
    options
        Options that are left out -> the regular expression of a value that goes with them.
    """
    words, option = ["mfdvep"], ""
    for word in sys.argv[1:]:
        is_value = bool(option) and re.fullmatch(options[option], word)
        option = ""
        if word in options:
            option = word
        elif not (is_value or word in without or word.partition("=")[0] in options):
            words.append(word)
    return shlex.join(words)
