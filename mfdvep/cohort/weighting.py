"""Weightings: how the effects of an allele on many tracks become one number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mfdvep.errors import InputError
from mfdvep.scoring.effects import KINDS

FORMS = ("signed", "absolute", "quantile")
UNWEIGHTED = "unweighted"
OVER_TRACKS = ("mean", "largest")
DEFAULT = ("biological", UNWEIGHTED)
_KIND, _FORM = "biological", "absolute"


@dataclass(frozen=True)
class Weighting:
    """What of an allele's effects is its weight.

    Attributes
    ----------
    kind
        combined, biological or technical; "" for the weight 1.
    form
        signed: the effect; absolute: its size; quantile: the size of its signed quantile, 0 to 1;
        "" for the weight 1.
    """

    kind: str = ""
    form: str = ""

    @property
    def name(self) -> str:
        """Such as biological_absolute, or unweighted."""
        return f"{self.kind}_{self.form}" if self.kind else UNWEIGHTED

    @property
    def is_never_negative(self) -> bool:
        """Whether a weight is at least 0, as gene-based tests take it."""
        return self.form != "signed"

    @property
    def column(self) -> str:
        """The list of a matrix that it is made of."""
        return f"{self.kind}_quantile" if self.form == "quantile" else self.kind


def parse_weightings(texts: Iterable[str]) -> tuple[Weighting, ...]:
    """Return the weightings that are named: "biological:absolute", "combined", "signed" ...

    A half alone is absolute, since in gene-based tests gains and losses of different variants
    would cancel; a form alone is of the biological half.

    Raises
    ------
    InputError
        A word that is neither a half nor a form; a weighting twice.
    """
    found: list[Weighting] = []
    for text in texts:
        one = _parsed(text)
        if one in found:
            raise InputError(f"--weight {text}: {one.name} is there twice; give it once")
        found.append(one)
    return tuple(found)


def _parsed(text: str) -> Weighting:
    kind, colon, form = text.partition(":")
    if not colon and kind == UNWEIGHTED:
        return Weighting()
    if not colon and kind in FORMS:
        kind, form = _KIND, kind
    elif not colon:
        form = _FORM
    if kind not in KINDS or form not in FORMS:
        raise InputError(
            f"--weight {text!r}: expected {UNWEIGHTED}, or HALF:FORM of {', '.join(KINDS)} and "
            f"{', '.join(FORMS)}, such as biological:absolute"
        )
    return Weighting(kind, form)


def weights_of(effects: np.ndarray, form: str, over: str) -> np.ndarray:
    """Return one weight an allele.

    Parameters
    ----------
    effects
        (k, m): k tracks, m alleles; effects, or signed quantiles, in which a track that has none
        is NaN for every allele and is left out.
    form
        One of `FORMS`. Sizes are taken before the mean, so that tracks do not cancel.
    over
        "mean", over tracks; or "largest", the one of largest size, with its sign if `form` is
        signed.

    Returns
    -------
    numpy.ndarray
        float64 (m,).

    Raises
    ------
    InputError
        No track has a quantile.
    """
    if form == "quantile":
        effects = effects[~np.isnan(effects).all(axis=1)]
        if not len(effects):
            raise InputError("none of the chosen tracks has quantiles; choose others")
    values = effects.astype(np.float64)
    sizes = np.abs(values)
    if over == "mean":
        return (values if form == "signed" else sizes).mean(axis=0)
    if form != "signed":
        return sizes.max(axis=0)
    return np.take_along_axis(values, sizes.argmax(axis=0)[None], axis=0)[0]
