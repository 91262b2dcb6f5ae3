"""Recipes: the bundled one is read, and mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfdvep.errors import InputError
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


def test_a_recipe_is_named_after_its_file(tmp_path):
    (tmp_path / "mine.toml").write_text(GOOD)
    recipe = Recipe.read(tmp_path / "mine.toml")
    assert (recipe.name, recipe.model.width, recipe.training.steps) == ("mine", 8, 5)
    changed = recipe.override(steps=9, independence=None)
    assert (changed.training.steps, changed.training.independence) == (9, 1e-3)


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
    ],
)
def test_mistakes_are_named(tmp_path, old, new, says):
    (tmp_path / "r.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(InputError, match=says):
        Recipe.read(tmp_path / "r.toml")


def test_a_missing_recipe(tmp_path):
    with pytest.raises(InputError, match="not a readable recipe"):
        Recipe.read(tmp_path / "none.toml")
