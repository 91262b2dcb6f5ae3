"""Who takes part: a case by eye, counts that add up, families, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from cohort.align.made import table
from hypothesis import given
from hypothesis import strategies as st

from mfdvep.cohort.align.people import Inputs, gather
from mfdvep.errors import InputError

NAN = np.nan
INPUTS = Inputs(
    table("abcdef", [[1], [2], [3], [4], [5], [NAN]], name="images"),
    (
        table("bacx", [[10], [11], [12], [13]], name="burdens"),
        table("adf", [[20], [21], [22]], name="prs"),
    ),
    table("abcdefx", [[0], [0], [NAN], [0], [0], [0], [0]], name="covariates",
          families=("1", "1", "", "2", "3", "4", "5")),
)  # fmt: skip


def test_outer():
    found = gather(INPUTS, mode="outer", need_covariates=False)
    assert found.iids == ("a", "b", "c", "d")
    assert found.image_rows.tolist() == [0, 1, 2, 3]
    assert found.genetic_rows.tolist() == [[1, 0, 2, -1], [0, -1, -1, 1]]
    assert found.present.tolist() == [[True, True], [True, False], [True, False], [False, True]]
    assert found.families == ("1", "1", "c alone", "2")
    assert found.left_out == {
        "e": "without genetics", "f": "without images", "x": "without images"
    }  # fmt: skip
    assert found.counts["people"] == 7
    assert found.counts["used"] == 4
    assert found.counts["present"] == {"burdens": 3, "prs": 2}
    assert found.counts["families"] == 3
    assert found.counts["files"]["burdens"] == {
        "people": 4, "unknown_values": 0, "used": 3, "without images": 1
    }  # fmt: skip
    assert found.counts["files"]["images"]["unknown_values"] == 1


def test_inner_and_covariates():
    found = gather(INPUTS, mode="inner", need_covariates=True)
    assert found.iids == ("a",)
    assert found.left_out["b"] == "without prs"
    assert found.left_out["d"] == "without burdens"
    outer = gather(INPUTS, mode="outer", need_covariates=True)
    assert outer.iids == ("a", "b", "d")
    assert outer.left_out["c"] == "without covariates"
    assert outer.covariate_rows.tolist() == [0, 1, 3]


def test_a_family_is_known_from_any_table():
    images = table("abcd", [[1]] * 4, name="images", families=("9", "", "", ""))
    burdens = table("abcd", [[1]] * 4, name="burdens", families=("1", "2", "2", ""))
    covariates = table("ab", [[0]] * 2, name="covariates", families=("1", "2"))  # without c
    found = gather(Inputs(images, (burdens,), covariates), mode="outer", need_covariates=False)
    assert found.families == ("1", "2", "2", "d alone")


letters = st.lists(st.sampled_from("abcdefghij"), min_size=1, unique=True).map("".join)


@given(letters, letters, letters, letters, st.sampled_from(["inner", "outer"]), st.booleans())
def test_every_person_is_counted_once(images, burdens, prs, covariates, mode, need):
    tables = [table(own, np.zeros((len(own), 1)), name=name) for own, name in
              ((images, "images"), (burdens, "burdens"), (prs, "prs"),
               (covariates, "covariates"))]  # fmt: skip
    inputs = Inputs(tables[0], tuple(tables[1:3]), tables[3])
    try:
        found = gather(inputs, mode=mode, need_covariates=need)
    except InputError:
        return
    counts = found.counts
    everyone = set(images) | set(burdens) | set(prs) | set(covariates)
    assert set(found.iids) | set(found.left_out) == everyone
    assert not set(found.iids) & set(found.left_out)
    reasons = sum(n for why, n in counts.items() if why.startswith("without"))
    assert counts["used"] + reasons == counts["people"] == len(everyone)
    for own in tables:
        file = dict(counts["files"][own.name])
        people, _ = file.pop("people"), file.pop("unknown_values")
        assert people == len(own.iids) == sum(file.values())


def test_nobody_and_names_of_inputs():
    with pytest.raises(InputError, match=r"nobody of images.tsv takes part"):
        gather(
            Inputs(table("ab", [[1], [2]], name="images"), (table("xy", [[1], [2]], name="b"),)),
            mode="outer",
            need_covariates=False,
        )
    with pytest.raises(InputError, match="two inputs are named 'b'"):
        Inputs(table("a", [[1]], name="b"), (table("a", [[1]], name="b"),))
    with pytest.raises(InputError, match="no genetics"):
        Inputs(table("a", [[1]]), ())
