"""Virtual tracks: what an experiment would show that may never have been done.

Output weights are functions of metadata, so any combination of values that training knew makes a
track. What is not said of it is averaged out: of technique over all trained experiments, so that
the track is neutral to laboratory and assay; of biology over the experiments that match.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import torch
from torch import Tensor, nn

from mfdvep.errors import InputError
from mfdvep.model.matching import Matching
from mfdvep.model.metadata import FreeWeights, HyperNetwork
from mfdvep.model.mfd import MFDModel
from mfdvep.model.tracks import TrackTable

VIRTUAL, IN_TRAINING = "virtual", "in_training"
"""Columns of a track table that has virtual tracks: what each is made of, and yes or no."""
_NEXT = re.compile(r",(?=[^,=]+=)")  # a comma before column=: one within a value is none


@dataclass(frozen=True)
class VirtualTrack:
    """What is said of an experiment.

    Attributes
    ----------
    name
        Its id, which is the first column of the track table; unique.
    values
        Metadata column -> value; '' says that it is not known, as of some trained experiments. A
        column that is left out is averaged over.
    """

    name: str
    values: Mapping[str, str]

    @property
    def asked(self) -> str:
        """What is said, as "target=H3K27ac, biosample=K562"."""
        return ", ".join(f"{column}={value}" for column, value in self.values.items())


def parse_virtual(text: str) -> VirtualTrack:
    """Return the track that "target=H3K27ac,biosample=K562" describes.

    A comma is part of a value unless COLUMN= follows. Its id is "virtual", with the values of
    columns other than target and biosample, which are in a track's name anyway.

    Raises
    ------
    InputError
        Not such a text; a column said twice.
    """
    values: dict[str, str] = {}
    for part in _NEXT.split(text):
        column, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not column:
            raise InputError(
                f"--virtual {text!r}: expected column=value with commas between, as "
                "'target=H3K27ac,biosample=K562', or a TOML file"
            )
        if column in values:
            raise InputError(f"--virtual {text!r}: {column} is said twice; say it once")
        values[column] = value
    more = [value for column, value in values.items() if column not in ("target", "biosample")]
    return VirtualTrack(":".join(["virtual", *(["+".join(more)] if more else [])]), values)


def read_virtual(path: str | Path) -> list[VirtualTrack]:
    """Return the tracks in a TOML file: a table each, whose name is the track's id.

    Raises
    ------
    InputError
        It cannot be read, is no TOML, or has something else than tables of texts and numbers.
    """
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: cannot read virtual tracks: {error}") from error
    tracks = []
    for name, values in found.items():
        if not isinstance(values, dict) or not values:
            raise InputError(
                f"{path}: {name} is no table of metadata; expected [{name}] with lines such as "
                'target = "H3K27ac"'
            )
        for column, value in values.items():
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise InputError(f"{path}: [{name}] {column} is {value!r}; expected a text")
        tracks.append(VirtualTrack(name, {column: str(v) for column, v in values.items()}))
    if not tracks:
        raise InputError(f"{path}: no virtual track in it; expected a table for each")
    return tracks


def virtual_rows(tracks: TrackTable) -> list[int]:
    """Return the rows of the virtual tracks of a table."""
    return [row for row, about in enumerate(tracks.columns.get(VIRTUAL, ())) if about]


def virtual_tracks(tracks: TrackTable) -> dict[str, str]:
    """Return the name of each virtual track of a table -> what it is made of."""
    names = tracks.names
    return {names[row]: tracks.columns[VIRTUAL][row] for row in virtual_rows(tracks)}


def add_virtual(model: MFDModel, tracks: Sequence[VirtualTrack]) -> MFDModel:
    """Return a model that has virtual tracks too, as further rows after its own; the same for none.

    The trunk is shared, and so is the provenance: the weights of the new tracks follow from the
    model's and from the column "virtual" of the track table.

    Weights of the biological half are means over the trained experiments that match all that is
    said of biology, with what is said put in; if none does, over those that match most of it, and
    among as many values by those that tell most of what is open: of target and biosample, the
    biosample tells anatomy and sex. Weights of the technical half are means over all trained
    experiments, with what is said put in. The bias is the mean of those that match most, and among
    as many values by those that predict biases best. So a track with all of an experiment's
    metadata has its weights, and the mean bias of such experiments.

    Parameters
    ----------
    model
        In evaluation mode.

    Raises
    ------
    InputError
        A model without metadata, or with virtual tracks; a column that is none of its metadata; a
        value that no trained experiment has (the nearest are named), or a number beyond those that
        they have; a name that another track has.
    """
    if not tracks:
        return model
    if model.config.plain:
        raise InputError("a plain baseline has no metadata, and so no virtual tracks")
    if virtual_rows(model.tracks):
        raise InputError("the model has virtual tracks already; add all of them at once")
    rows = [row for row in range(len(model.tracks)) if row not in model.untrained]
    trained = model.tracks.take(rows)
    matching = Matching(model.schema, trained, model.bias.detach()[rows].double().cpu().numpy())
    made = [_Made.of(model, matching, track) for track in tracks]
    new = copy(model)  # and what it holds is the model's own, until it is replaced
    new._modules, new._parameters = dict(model._modules), dict(model._parameters)
    for half in ("biological", "technical"):
        own = getattr(model, half)
        with torch.no_grad():
            psi = torch.cat([own(), torch.stack([getattr(m, half) for m in made])])
        setattr(new, half, FreeWeights(psi, own.direct_names))
    bias = torch.tensor([m.bias for m in made], dtype=model.bias.dtype, device=model.bias.device)
    new.bias = nn.Parameter(torch.cat([model.bias.detach(), bias]))
    new.tracks = _extended(model.tracks, made)
    return new.eval()


@dataclass(frozen=True)
class _Made:
    """A virtual track's output weights (C / 2,) each, its bias, and what they are made of."""

    track: VirtualTrack
    biological: Tensor
    technical: Tensor
    bias: float
    about: str
    in_training: bool

    @classmethod
    def of(cls, model: MFDModel, matching: Matching, track: VirtualTrack) -> _Made:
        columns = {e.variable.column: e.variable.group for e in model.schema.encodings}
        _check(track, columns)
        said = {
            group: {c: v for c, v in track.values.items() if columns[c] == group}
            for group in ("biological", "technical")
        }
        support = {c: matching.count(track.name, {c: v}) for c, v in track.values.items()}
        n_same = matching.count(track.name, track.values)
        open_of = {
            group: [c for c, g in columns.items() if g == group and c not in track.values]
            for group in said
        }
        like = matching.like(said["biological"], tells=open_of["biological"])
        alike = matching.like(track.values, tells=None)
        counts = ", ".join(f"{column} {n}" for column, n in support.items())
        parts = [f"{track.asked}: trained experiments with all of it: {n_same} ({counts})"]
        if open_of["biological"]:
            parts.append(f"{', '.join(open_of['biological'])} as in {like}")
        if open_of["technical"]:
            parts.append(f"{', '.join(open_of['technical'])} averaged over all {len(matching)}")
        parts.append(f"bias of {alike}")
        every = range(len(matching))
        return cls(
            track,
            _mean(model.biological, matching.tracks.take(like.rows), said["biological"]),
            _mean(model.technical, matching.tracks.take(every), said["technical"]),
            float(matching.bias[list(alike.rows)].mean()),
            "; ".join(parts),
            n_same > 0,
        )


def _check(track: VirtualTrack, columns: Mapping[str, str]) -> None:
    if not track.values:
        raise InputError(
            f"virtual track {track.name}: nothing is said of it; give a column and its value"
        )
    for column in track.values:
        if column not in columns:
            near = get_close_matches(column, columns, n=3)
            raise InputError(
                f"virtual track {track.name}: {column!r} is none of the model's metadata; "
                f"{'nearest' if near else 'these are'}: {', '.join(near or columns)}"
            )


def _mean(weights: nn.Module, tracks: TrackTable, said: Mapping[str, str]) -> Tensor:
    """Return the mean weights (C / 2,) of experiments into whose metadata what is said is put."""
    assert isinstance(weights, HyperNetwork)
    columns = {e.variable.column: tracks[e.variable.column] for e in weights.encodings}
    put = columns | {column: (value,) * len(tracks) for column, value in said.items()}
    counts = Counter(zip(*put.values(), strict=True))
    distinct = TrackTable(dict(zip(put, zip(*counts, strict=True), strict=True)))
    with torch.no_grad():
        psi = weights.of(distinct)  # (distinct, C / 2)
    share = torch.tensor(list(counts.values()), dtype=torch.float64, device=psi.device)
    return ((share / share.sum()) @ psi.double()).to(psi.dtype)


def _extended(table: TrackTable, made: Sequence[_Made]) -> TrackTable:
    """Return a track table with rows for virtual tracks, '' where nothing is said of one."""
    first = next(iter(table.columns))
    columns = table.columns | {
        name: table.columns.get(name, ("",) * len(table)) for name in (VIRTUAL, IN_TRAINING)
    }
    for m in made:
        row = {**m.track.values, first: m.track.name, VIRTUAL: m.about}
        row[IN_TRAINING] = "yes" if m.in_training else "no"
        columns = {name: (*values, row.get(name, "")) for name, values in columns.items()}
    out = TrackTable(columns)
    new = out.names[len(table) :]
    known = Counter(out.names)
    for name in new:
        if known[name] > 1:
            raise InputError(
                f"virtual tracks: another track is named {name!r} too; give them names of their "
                "own, as those of the tables of a TOML file"
            )
    return out
