"""Groups of tracks: which there are, means, largest effects; against loops written once more."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import SMALL_TRACKS
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mfdvep.errors import InputError
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.groups import TrackGroups

EFFECTS = np.array([[[1, 2, -4, 3, 1]], [[0.5, 1, 2, -2, 0.5]], [[0, 0, 0, 0, 0]]], np.float32)


def test_groups_of_one_column():
    """CTCF E0 and E4, GATA1 E1, open E2 and E3."""
    groups = TrackGroups.of(SMALL_TRACKS, ["target"])
    assert groups.tracks.columns == {
        "group": ("CTCF", "GATA1", "open"),
        "target": ("CTCF", "GATA1", "open"),
        "n_tracks": ("2", "1", "2"),
    }
    found = groups.rolled_up(EFFECTS, scale="probability")
    assert found[0].tolist() == [[1, 2, -0.5]]
    assert found[1].tolist() == [[0.5, 1, 0]]
    assert found[3].tolist() == [[1, 2, -4]]  # with its sign
    assert found[4].tolist() == [[0.5, 1, 2]]  # of 2 and -2 the first
    assert not found[[2, 5]].any()


def test_groups_of_two_columns_and_of_nothing_known():
    groups = TrackGroups.of(SMALL_TRACKS, ["target", "biosample"])
    assert groups.tracks.names == ("CTCF/K562", "GATA1/K562", "open/K562", "open/.", "CTCF/HepG2")
    assert groups.tracks["biosample"] == ("K562", "K562", "K562", "", "HepG2")
    by_one = TrackGroups.of(SMALL_TRACKS, ["biosample"])
    assert by_one.tracks.names == ("K562", ".", "HepG2")
    assert by_one.tracks["n_tracks"] == ("3", "1", "1")


def test_names_that_slashes_would_make_equal():
    tracks = TrackTable({"id": ("1", "2"), "lab": ("a/b", "a"), "target": ("c", "b/c")})
    names = TrackGroups.of(tracks, ["lab", "target"]).tracks.names
    assert names == ("lab=a/b/target=c", "lab=a/target=b/c")


def test_names_are_those_of_the_groups_whatever_the_columns():
    assert TrackGroups.of(SMALL_TRACKS, ["lab", "assay"]).tracks.names == (
        "a/ChIP", "b/ChIP", "a/DNase", "b/ATAC"
    )  # fmt: skip
    assert TrackGroups.of(SMALL_TRACKS, ["lab", "lab"]).by == ("lab",)


def test_on_the_logit_scale_means_add_up():
    rng = np.random.default_rng(0)
    halves = rng.normal(size=(2, 50, 5)).astype(np.float32)
    effects = np.concatenate([halves.sum(axis=0, keepdims=True), halves])
    found = TrackGroups.of(SMALL_TRACKS, ["target"]).rolled_up(effects, scale="logit")
    assert np.array_equal(found[0], found[1] + found[2])
    assert np.array_equal(found[:3, :, 1], effects[:, :, 1])  # GATA1 is one track


VALUES = st.sampled_from(["", "a", "b", "c"])
NUMBERS = st.sampled_from([0.0, -0.0, 0.5, -0.5, 3.0, -3.0, 1e-30, -1e30])


@given(
    rows=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=12),
    columns=st.sampled_from([["x"], ["y"], ["x", "y"], ["y", "x"]]),
    data=st.data(),
)
def test_each_group_is_what_a_loop_finds(rows, columns, data):
    effects = data.draw(arrays(np.float32, (3, 2, len(rows)), elements=NUMBERS))
    effects[:, 1] = np.nan  # not scored
    x, y = zip(*rows, strict=True)
    table = TrackTable({"id": tuple(map(str, range(len(rows)))), "x": x, "y": y})
    groups = TrackGroups.of(table, columns)
    found = groups.rolled_up(effects, scale="probability")
    flipped = groups.rolled_up(-effects, scale="probability")
    assert np.array_equal(found, -flipped, equal_nan=True)  # REF and ALT swapped
    assert np.isnan(found[:, 1]).all()
    seen = set()
    for g in range(len(groups.tracks)):
        key = tuple(groups.tracks[column][g] for column in columns)
        members = [i for i in range(len(rows)) if tuple(table[c][i] for c in columns) == key]
        seen.update(members)
        assert groups.tracks["n_tracks"][g] == str(len(members))
        for kind in range(3):
            values = [float(effects[kind, 0, i]) for i in members]
            assert found[kind, 0, g] == np.float32(sum(values) / len(values))
            assert found[kind + 3, 0, g] == max(values, key=abs)
    assert seen == set(range(len(rows)))


@pytest.mark.parametrize(
    ("by", "says"),
    [
        (["targte"], "--group-by: no column 'targte' in the track table; nearest: target"),
        (["zzz"], "it has: experiment, assay, target, biosample, lab"),
        ([], "no column"),
    ],
)
def test_columns_that_are_not_there(by, says):
    with pytest.raises(InputError, match=says):
        TrackGroups.of(SMALL_TRACKS, by)


def test_a_column_that_a_table_of_groups_has_itself():
    again = TrackGroups.of(SMALL_TRACKS, ["target"]).tracks
    with pytest.raises(InputError, match="n_tracks is what a table of groups calls"):
        TrackGroups.of(again, ["n_tracks"])
