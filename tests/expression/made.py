"""Simulated genes, marks and expression, written into a folder and prepared."""

from __future__ import annotations

from pathlib import Path

import simulate_expression

from mfdvep.expression.preparing import PrepareOptions, prepare_profiles
from mfdvep.expression.profiles import Profiles
from mfdvep.expression.sheet import read_sheet

CONTIGS = {"validation": ["sim6"], "test": ["sim5"]}


def simulated_profiles(folder: Path, **options) -> tuple[Profiles, simulate_expression.Simulation]:
    """Return profiles of a simulation, of which sim5 is for testing and sim6 for validation."""
    made = simulate_expression.simulate(**options)
    simulate_expression.write_simulation(made, folder)
    profiles = prepare_profiles(
        folder / "genes.tsv",
        folder / "expression.tsv",
        read_sheet(folder / "marks.tsv"),
        options=PrepareOptions(contigs=CONTIGS),
    )
    return profiles, made
