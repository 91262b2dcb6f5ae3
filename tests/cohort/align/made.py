"""A small simulated cohort as the files that `mfdvep align` reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from cohort_drawing import CohortPlan
from cohort_simulation import Cohort, simulate
from simulate_cohort import write_people

from mfdvep.cohort.align.people import Inputs
from mfdvep.cohort.align.settings import AlignSettings
from mfdvep.cohort.align.tables import PersonTable, read_people
from mfdvep.cohort.align.training import AlignTrainer

SMALL = AlignSettings(epochs=6, width=8, hidden=16, projection=16, batch=64, learning_rate=3e-3)


def make_cohort(**changes) -> Cohort:
    """Return a cohort of 300 people and 10 genes, of which 2 cause the trait."""
    options = {"people": 300, "genes": 10, "planted": 2, "rare": 15, "common": 6, "h2": 0.8}
    return simulate(CohortPlan(**{**options, **changes}))


def write_burdens(path: Path, cohort: Cohort, *, weighted: bool = True) -> Path:
    """Write the burdens of the people with genotypes, as `mfdvep burden` names them."""
    people = np.flatnonzero(cohort.has_genotypes)
    values = cohort.burdens(weighted=weighted)[people].astype(np.float32)
    columns = {f"{gene}|biological_absolute": values[:, g] for g, gene in
               enumerate(cohort.gene_names)}  # fmt: skip
    pq.write_table(pa.table({"iid": [cohort.iid[i] for i in people], **columns}), path)
    return path


def write_inputs(folder: Path, cohort: Cohort) -> Path:
    """Write embeddings, images, covariates, phenotypes and burdens.parquet."""
    folder.mkdir(exist_ok=True)
    write_people(cohort, folder)
    write_burdens(folder / "burdens.parquet", cohort)
    return folder


def read_inputs(folder: Path, *, images: str = "embeddings") -> Inputs:
    """Return the tables of `write_inputs`."""
    return Inputs(
        read_people(folder / f"{images}.npy"),
        (read_people(folder / "burdens.parquet"),),
        read_people(folder / "covariates.tsv"),
    )


def train(folder: Path, inputs: Inputs, settings: AlignSettings = SMALL, **options) -> AlignTrainer:
    """Return a trainer that has run into folder."""
    trainer = AlignTrainer(inputs, settings, folder, device="cpu", **options)
    trainer.run()
    return trainer


def table(iids: str, values, *, name: str = "t", columns: str = "", **more) -> PersonTable:
    """Return a table of the people named by letters."""
    values = np.asarray(values, dtype=np.float32)
    names = tuple(columns) or tuple(map(str, range(values.shape[1])))
    return PersonTable(name, f"{name}.tsv", tuple(iids), names, values, **more)
