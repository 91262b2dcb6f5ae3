"""What a model is, as plain data: widths and the mapping of metadata columns to its halves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from mfdvep.errors import InputError

GROUPS = ("biological", "technical")
KINDS = ("category", "number", "year")
ROLES = ("direct", "interact")


def from_mapping(kind: type, values: Mapping[str, Any], *, where: str) -> Any:
    """Return the dataclass `kind` made of `values`; refuse unknown and missing keys by name."""
    known = {field.name for field in fields(kind)}
    if unknown := sorted(set(values) - known):
        raise InputError(
            f"{where}: unknown key {unknown[0]!r}; known keys: {', '.join(sorted(known))}"
        )
    try:
        return kind(**values)
    except TypeError as error:
        raise InputError(f"{where}: {error}") from error


@dataclass(frozen=True)
class Variable:
    """One metadata column and how its values become weights (science.md, "Network" 3).

    Attributes
    ----------
    column
        Column of the experiments table.
    group
        "biological" or "technical": the half whose weights it makes.
    kind
        "category" (one column a value), "number" (z-scored) or "year" (a date's year as category).
    roles
        "direct": its encoded columns are weights as they are, so that a latent feature is the
        factor. "interact": it enters the group's MLP. Both may be named.
    width
        Width of its own small MLP before the group's MLP; 0: none.
    separator
        Text between the values of a cell that holds several; '': a cell holds one value.
    direct_min_count
        A value gets a direct feature if at least this many experiments have it.
    """

    column: str
    group: str
    kind: str = "category"
    roles: tuple[str, ...] = ("interact",)
    width: int = 0
    separator: str = ""
    direct_min_count: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "roles", tuple(self.roles))
        for name, value, allowed in (
            ("group", self.group, GROUPS),
            ("kind", self.kind, KINDS),
            *(("roles", role, ROLES) for role in self.roles or ("",)),
        ):
            if value not in allowed:
                raise InputError(
                    f"metadata column {self.column!r}: {name} is {value!r}; "
                    f"expected {' or '.join(allowed)}"
                )
        if self.kind == "number" and self.separator:
            raise InputError(f"metadata column {self.column!r}: a number takes no separator")


@dataclass(frozen=True)
class ModelConfig:
    """Widths and metadata mapping of an MFD model.

    Attributes
    ----------
    variables
        The metadata columns; every group needs at least one.
    width
        W, channels of the trunk after its tower; 768 in the paper.
    n_latent
        C, latent features; half are biological, half technical. 0: 2 W, as in the paper.
    biological_hidden, technical_hidden
        Width of the two hidden layers of each group's MLP.
    predictor_hidden
        Width of the three hidden layers of the adversarial predictors (not part of the model).
    dropout
        Share of activations left out at random in training; see `Trunk`. 0 in the paper.
    plain
        The baseline: no metadata, free output weights, and halves that mean nothing.
    """

    variables: tuple[Variable, ...]
    width: int = 768
    n_latent: int = 0
    biological_hidden: int = 256
    technical_hidden: int = 128
    predictor_hidden: int = 1024
    dropout: float = 0.0
    plain: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", tuple(self.variables))
        object.__setattr__(self, "n_latent", self.n_latent or 2 * self.width)
        if self.width < 2 or self.width % 2 or self.n_latent % 2:
            raise InputError(
                f"model: width {self.width} and n_latent {self.n_latent} must be even and positive"
            )
        if not 0 <= self.dropout < 1:
            raise InputError(f"model: dropout {self.dropout} must be at least 0 and below 1")
        if self.plain and self.variables:
            raise InputError("model: plain, but there is metadata; leave out one of the two")
        for group in () if self.plain else GROUPS:
            if not any(variable.group == group for variable in self.variables):
                raise InputError(f"metadata: no {group} column; each half needs at least one")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str) -> ModelConfig:
        """Return the configuration in a parsed TOML or JSON mapping.

        Raises
        ------
        InputError
            An unknown or missing key, or a value that does not fit; `where` is named.
        """
        variables = [
            from_mapping(Variable, item, where=f"{where}, metadata")
            for item in values.get("variables", ())
        ]
        return from_mapping(cls, {**values, "variables": tuple(variables)}, where=where)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` takes back."""
        return asdict(self)
