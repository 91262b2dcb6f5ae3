"""Measure `mfdvep align` on simulated cohorts whose truth is known, one line a cohort.

    python train/measure_alignment.py -o runs/alignment.jsonl

Each world is simulated with several seeds, and goes the whole way: files, `mfdvep burden`,
training, evaluation and explanation, with the defaults of the commands. Cohorts that the file has
already are not measured again, so that a run that was ended goes on. The table at the end is that
of examples/cohort/README.md.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from cohort_drawing import CohortPlan
from cohort_simulation import Cohort, simulate
from simulate_cohort import write_cohort

from mfdvep.averages import mean_and_interval
from mfdvep.cohort.align.evaluating import EvaluationOptions, evaluate
from mfdvep.cohort.align.explaining import explain
from mfdvep.cohort.align.held_out import TEST, compared, hold_out, read_inputs
from mfdvep.cohort.align.model_folder import AlignedModel, load
from mfdvep.cohort.align.objective import pair_losses
from mfdvep.cohort.align.people import Inputs
from mfdvep.cohort.align.retrieval import ranks_of, similarity_of
from mfdvep.cohort.align.settings import AlignSettings
from mfdvep.cohort.align.tables import read_people
from mfdvep.cohort.align.training import AlignTrainer
from mfdvep.cohort.options import BurdenOptions
from mfdvep.cohort.running import burden
from mfdvep.enrichment.measures.resampling import bootstrap_weights, percentile_interval

WEIGHTS = {"weighted": "biological", "unweighted": "unweighted"}
# world -> (simulation, settings, images, seeds)
WORLDS: dict[str, tuple[dict[str, Any], dict[str, Any], str, int]] = {
    "effect-weighted": ({}, {}, "embeddings", 10),
    "effect-weighted, 8000 people": ({"people": 8000}, {}, "embeddings", 10),
    "unweighted": ({"causal": "unweighted"}, {}, "embeddings", 10),
    "not heritable": ({"h2": 0.0}, {}, "embeddings", 20),
    "not heritable, not adjusted": ({"h2": 0.0}, {"adjust": "none"}, "embeddings", 5),
    "images": ({}, {"image_encoder": "cnn"}, "images", 3),
}
FIRST_SEED = 101  # choices were made on others
SIZES = (50, 100, 200)


def measure(world: str, seed: int, folder: Path) -> dict[str, Any]:
    """Return what comes of one cohort."""
    simulation, settings, images, _ = WORLDS[world]
    cohort = simulate(CohortPlan(seed=seed, **simulation))
    write_cohort(cohort, folder)
    aligned = {name: _align(name, folder, settings, images) for name in WEIGHTS}
    own = "unweighted" if world == "unweighted" else "weighted"
    model, held = aligned[own]
    options = EvaluationOptions(
        phenotypes=((str(folder / "phenotypes.tsv"), "trait"),), sizes=SIZES
    )
    found = evaluate(model, held, options)
    told = explain(model, held).modalities[0]
    order = [told.genes.names[i] for i in told.genes.order]
    names = cohort.gene_names
    out = {
        "world": world,
        "seed": seed,
        "n": found.retrieval[0]["n"],
        "epoch": model.about["best_epoch"],
        "ranks": sorted(order.index(names[g]) + 1 for g in cohort.planted),
        "retrieval": found.retrieval,
        "probe": found.differences,
        "associated": _associated(told, cohort),
        "lambda": float(np.median(told.associations.inflation)),
        "compared": _compare(aligned),
    }
    return json.loads(json.dumps(out, default=float))


def _align(name: str, folder: Path, settings: dict[str, Any], images: str) -> tuple[Any, Any]:
    """Return a model of burdens of one weighting, and the cohort as it sees it."""
    file = folder / f"{name}.parquet"
    burden(
        folder / "cohort.vcf.gz", folder / "effects.parquet", folder / "genes.bed", file,
        options=BurdenOptions(weights=(WEIGHTS[name],), where=('experiment == "SIM1"',)),
    )  # fmt: skip
    inputs = Inputs(
        read_people(folder / f"{images}.npy"),
        (read_people(file, name="burdens"),),
        read_people(folder / "covariates.tsv"),
    )
    run = folder / f"{name}.run"
    AlignTrainer(inputs, AlignSettings(**settings), run, device="cpu").run()
    model: AlignedModel = load(run)
    return model, hold_out(model, read_inputs(model))


def _associated(told: Any, cohort: Cohort) -> dict[str, int]:
    """Return how many planted and other genes pass 5 % (Benjamini and Hochberg)."""
    passed = (told.associations.q < 0.05).any(axis=0)
    planted = np.isin(np.arange(len(passed)), cohort.planted)
    return {"planted": int(passed[planted].sum()), "other": int(passed[~planted].sum())}


def _compare(aligned: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
    """Return by how much weighted burdens are better than unweighted ones for the same people.

    The loss is that of training, among all held-out people: who has much to be told by counts more
    than in the percentile.
    """
    found: dict[str, dict[str, np.ndarray]] = {"loss": {}, "percentile": {}}
    families = np.array([])
    for name, (model, held) in aligned.items():
        rows = held.rows(TEST)
        image, genetics = compared(model.aligner, held.arrays, rows)
        ranks = np.diag(ranks_of(similarity_of(image, genetics)))
        found["percentile"][name] = 1 - ranks / (len(rows) - 1)
        losses = pair_losses(
            torch.from_numpy(image), torch.from_numpy(genetics[0]),
            temperature=model.settings.temperature, weight=model.settings.image_weight,
        )  # fmt: skip
        found["loss"][name] = -losses.numpy()
        families = np.asarray(held.people.families)[rows]
    names, family = np.unique(families, return_inverse=True)
    weights = bootstrap_weights(len(names), 2000, np.random.default_rng(0))[:, family]
    out = {}
    for measure, own in found.items():
        each = (own["weighted"] - own["unweighted"]).astype(np.float64)
        low, high = percentile_interval(weights @ each / weights.sum(1), len(names))
        out[measure] = {"difference": each.mean(), "low": low, "high": high}
    return out


def table(lines: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what came of each world, to read."""
    for world in dict.fromkeys(line["world"] for line in lines):
        own = [line for line in lines if line["world"] == world]
        n = len(own)
        planted = [line["ranks"] == list(range(1, len(line["ranks"]) + 1)) for line in own]
        yield f"{world}: {n} cohorts, {own[0]['n']} to test in the first"
        worst = sorted(line["ranks"][-1] for line in own)
        yield f"  planted genes first: {sum(planted)} of {n}; ranks of the last of them: {worst}"
        for i, row in enumerate(own[0]["retrieval"]):
            each = [line["retrieval"][i] for line in own]
            mean, ends = mean_and_interval(np.array([r["value"] for r in each]))
            above = sum(r["value"] > r["null_999"] for r in each)
            inside = sum(r["value"] <= r["null_95"] for r in each)
            yield (
                f"  {row['direction']}, {row['measure']}: {mean:.4f} {_ends(ends)}, chance "
                f"{np.mean([r['chance'] for r in each]):.4f}; above 99.9 % of the null {above}, "
                f"within its 95 % {inside} of {n}"
            )
        for i, row in enumerate(own[0]["probe"]):
            what = f"probe, {row['size']} labelled, {row['first']} less {row['second']}"
            yield f"  {what}: {_difference([line['probe'][i] for line in own])}"
        for measure in own[0]["compared"]:
            found = _difference([line["compared"][measure] for line in own])
            yield f"  weighted better than unweighted, {measure}: {found}"
        yield (
            f"  genes associated: planted {[line['associated']['planted'] for line in own]}, other "
            f"{[line['associated']['other'] for line in own]}; lambda "
            f"{np.mean([line['lambda'] for line in own]):.3f}"
        )


def _difference(rows: list[dict[str, Any]]) -> str:
    """Return the mean over cohorts, its interval, and in how many the own one is without 0."""
    mean, ends = mean_and_interval(np.array([row["difference"] for row in rows]))
    above, below = (sum(row["low"] > 0 for row in rows), sum(row["high"] < 0 for row in rows))
    return f"{mean:+.4f} {_ends(ends)}; above 0 in {above}, below in {below} of {len(rows)}"


def _ends(ends: list[float] | None) -> str:
    return "" if ends is None else f"({ends[0]:.4f} to {ends[1]:.4f})"


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True,
              help="Lines of JSON; what it has is kept.")  # fmt: skip
@click.option("--world", "worlds", multiple=True, type=click.Choice(list(WORLDS)),
              help="Only this; repeat.")  # fmt: skip
def main(output: Path, worlds: tuple[str, ...]) -> None:
    """Measure the alignment in each world; a table at the end."""
    torch.set_num_threads(1)
    text = output.read_text(encoding="utf-8") if output.exists() else ""
    lines = [json.loads(line) for line in text.splitlines()]
    done = {(line["world"], line["seed"]) for line in lines}
    for world in worlds or WORLDS:
        for seed in range(FIRST_SEED, FIRST_SEED + WORLDS[world][3]):
            if (world, seed) in done:
                continue
            with tempfile.TemporaryDirectory() as folder:
                lines.append(measure(world, seed, Path(folder)))
            with open(output, "a", encoding="utf-8") as handle:
                handle.write(json.dumps(lines[-1]) + "\n")
            click.echo(f"{world}, seed {seed}: ranks {lines[-1]['ranks']}", err=True)
    click.echo("\n".join(table(lines)))


if __name__ == "__main__":
    main()
