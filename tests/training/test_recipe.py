"""Recipes: the bundled one is read, and mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfdvep.errors import InputError
from mfdvep.model.metadata import MetadataSchema
from mfdvep.model.mfd import MFDModel
from mfdvep.model.tracks import TrackTable
from mfdvep.training.encode import COLUMNS
from mfdvep.training.recipe import Recipe

TRAIN = Path(__file__).resolve().parents[2] / "train"
GOOD = """
[model]
width = 8
[[metadata]]
column = "target"
group = "biological"
[[metadata]]
column = "assay"
group = "technical"
[training]
steps = 5
"""


@pytest.mark.parametrize("path", sorted(TRAIN.glob("*.toml")), ids=lambda path: path.stem)
def test_recipes_of_the_repository_are_read(path):
    assert Recipe.read(path).name == path.stem


def test_the_papers_recipe_fits_what_encode_writes():
    """Direct features for targets and assays; 17.8 million parameters without the metadata's."""
    recipe = Recipe.read(TRAIN / "paper.toml")
    columns = dict.fromkeys(("organ", "system", "developmental", "age"), ("", "x, y"))
    columns |= {"target": ("CTCF", "H3K27ac"), "biosample": ("heart", "liver")}
    columns |= {"assay": ("ATAC-seq", "TF ChIP-seq"), "released": ("2019-05-01", "2021-01-02")}
    columns |= {"life_stage": ("adult", "embryonic"), "lab": ("a", "b")}
    tracks = TrackTable({"experiment": ("E1", "E2"), **columns})
    assert {v.column for v in recipe.model.variables} <= set(tracks.columns)
    assert {v.column for v in recipe.model.variables} <= {*COLUMNS}
    model = MFDModel(recipe.model, MetadataSchema.fit(recipe.model, tracks), tracks)
    assert {"CTCF", "H3K27ac"} <= {name.split("=")[-1] for name in model.biological.direct_names}
    assert sum(p.numel() for p in model.trunk.parameters()) == pytest.approx(17.8e6, rel=0.01)


def test_a_recipe_is_named_after_its_file(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD)
    recipe = Recipe.read(tmp_path / "mine.toml")
    assert (recipe.name, recipe.model.width, recipe.training.steps) == ("mine", 8, 5)
    changed = recipe.override(steps=9, independence=None)
    assert (changed.training.steps, changed.training.independence) == (9, 1e-3)


def test_a_shorter_run_keeps_the_shape_of_its_schedule(tmp_path):
    schedule = "warmup_steps = 20\nindependence_from = 200\nindependence_warmup = 100\n"
    (tmp_path / "r.toml").write_text(
        GOOD.replace("steps = 5", f"steps = 600\nvalidate_every = 300\naverage = 0.99\n{schedule}")
    )
    recipe = Recipe.read(tmp_path / "r.toml")
    assert recipe.in_steps(None) is recipe.in_steps(600) is recipe
    short = recipe.in_steps(60).training
    found = (short.warmup_steps, short.independence_from, short.independence_warmup)
    assert (short.steps, *found, short.validate_every) == (60, 2, 20, 10, 30)
    assert short.average == pytest.approx(0.9)
    assert short.learning_rate == recipe.training.learning_rate
    assert recipe.in_steps(1).training.average == 0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("steps = 5", "", "steps"),
        ("steps = 5", "steps = 0", "steps is 0"),
        ("steps = 5", "steps = 5\nlr = 1", "unknown key 'lr'"),
        ("steps = 5", 'steps = 5\nprecision = "float8"', "float8"),
        ("width = 8", "width = 7", "width 7"),
        ("[model]", "[model", "not a readable recipe"),
        ("[model]", "sped = 1\n[model]", "unknown key 'sped'"),
        ('group = "technical"', 'group = "biological"', "no technical column"),
        ("[model]", "model = 3\n[training2]", r"model is 3; expected a table"),
        ("[model]", "about = 3\n[model]", "about is 3; expected a table"),
        ("[model]", "data = 3\n[model]", "data is 3; expected text"),
        ("[model]", "[about]\nday = 2024-01-01\n[model]", "about: .*not JSON"),
        ("steps = 5", 'steps = "5"', "steps is '5'; expected a whole number"),
        ("steps = 5", "steps = 5.5", "steps is 5.5; expected a whole number"),
        ("steps = 5", "steps = true", "steps is True; expected a whole number"),
        *(
            ("steps = 5", f"steps = 5\n{name} = {value}", f"{name} is {value}; expected")
            for name, value in (
                ("sequences", 0),
                ("bins_per_sequence", 0),
                ("bins_per_sequence", 49),
                ("learning_rate", 0.0),
                ("learning_rate", "nan"),
                ("learning_rate", "inf"),
                ("warmup_steps", -1),
                ("weight_decay", -0.1),
                ("clip_norm", 0.0),
                ("independence", -0.1),
                ("track_balance", -0.1),
                ("max_shift", -1),
                ("max_shift", 65),
                ("validate_every", 0),
                ("validation_bins", -1),
                ("patience", -1),
                ("checkpoint_every", 0),
                ("seed", -1),
            )
        ),
        ("steps = 5", "steps = 5\nsequences = 1", "1 sequences of 1 bins a step; .*at least 2"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, says):
    (tmp_path / "r.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(InputError, match=says):
        Recipe.read(tmp_path / "r.toml")


def test_a_missing_recipe(tmp_path):
    with pytest.raises(InputError, match="not a readable recipe"):
        Recipe.read(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "metadata", ['[metadata]\ncolumn = "target"\ngroup = "biological"', 'metadata = ["target"]']
)
def test_metadata_that_is_no_array_of_tables(tmp_path, metadata):
    (tmp_path / "r.toml").write_text(f"{metadata}\n[training]\nsteps = 5\n")
    with pytest.raises(InputError, match=r"metadata: expected \[\[metadata\]\]"):
        Recipe.read(tmp_path / "r.toml")


def test_a_recipe_that_is_not_text(tmp_path):
    (tmp_path / "r.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a readable recipe"):
        Recipe.read(tmp_path / "r.toml")
