"""Training: the same bytes again, resumed, and whatever people are like who are held out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from cohort.align.made import SMALL, make_cohort, read_inputs, table, train, write_inputs

from mfdvep.cohort.align.explaining import explain
from mfdvep.cohort.align.held_out import TEST, compared, hold_out
from mfdvep.cohort.align.held_out import read_inputs as inputs_of
from mfdvep.cohort.align.model_folder import load
from mfdvep.cohort.align.people import Inputs
from mfdvep.cohort.align.retrieval import retrieval, similarity_of
from mfdvep.cohort.align.settings import AlignSettings
from mfdvep.cohort.align.splitting import split_people
from mfdvep.cohort.align.training import AlignTrainer
from mfdvep.errors import InputError, ModelError, OutputError, TrainingError

WEIGHTS = "model/model.safetensors"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("cohort"), make_cohort())


@pytest.fixture(scope="module")
def inputs(data):
    return read_inputs(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory, inputs):
    folder = tmp_path_factory.mktemp("run") / "a"
    train(folder, inputs, replace(SMALL, dropout=0.2))
    return folder


def contents(folder):
    return {name: (folder / name).read_bytes() for name in (WEIGHTS, "model/config.json",
            "model/people.tsv", "model/left_out.tsv", "log.jsonl")}  # fmt: skip


def test_the_same_bytes_again(tmp_path, inputs, run):
    train(tmp_path / "b", inputs, replace(SMALL, dropout=0.2))
    assert contents(tmp_path / "b") == contents(run)
    assert not (run / "checkpoint.pt").exists()
    other = train(tmp_path / "c", inputs, replace(SMALL, dropout=0.2, seed=1))
    assert contents(tmp_path / "c")[WEIGHTS] != contents(run)[WEIGHTS]
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == list(range(1, other.epoch + 1))
    assert min(line["validation_loss"] for line in lines) == pytest.approx(
        json.loads(contents(run)["model/config.json"])["about"]["validation_loss"], abs=0
    )


@pytest.mark.parametrize("stop", [2, 3])
def test_resumed_the_bytes_are_those_of_a_run_in_one(tmp_path, inputs, run, stop):
    settings = replace(SMALL, dropout=0.2, checkpoint_every=2)
    train(tmp_path / "whole", inputs, settings)

    def interrupt(epoch, total, entry):
        if epoch == stop:
            raise KeyboardInterrupt

    first = AlignTrainer(inputs, settings, tmp_path / "a", device="cpu")
    with pytest.raises(KeyboardInterrupt):
        first.run(progress=interrupt)
    assert first.saved_epoch == stop
    with pytest.raises(OutputError, match="go on with --resume"):
        AlignTrainer(inputs, settings, tmp_path / "a", device="cpu").run()
    other = AlignTrainer(inputs, replace(settings, width=4), tmp_path / "a", device="cpu")
    with pytest.raises(TrainingError, match="another recipe or training set"):
        other.run(resume=True)
    AlignTrainer(inputs, settings, tmp_path / "a", device="cpu").run(resume=True)
    assert contents(tmp_path / "a") == contents(tmp_path / "whole")
    with pytest.raises(OutputError, match="finished"):
        AlignTrainer(inputs, settings, tmp_path / "a", device="cpu").run()


@pytest.mark.parametrize("adjust", ["residualise", "add", "none"])
def test_nothing_is_learnt_of_people_who_are_held_out(tmp_path, inputs, adjust):
    settings = replace(SMALL, adjust=adjust, epochs=2)
    trainer = train(tmp_path / "a", inputs, settings)
    tested = {iid for iid, split in zip(trainer.people.iids, trainer.splits, strict=True)
              if split == "test"}  # fmt: skip

    def moved(table):
        rows = [iid in tested for iid in table.iids]
        values = table.values.copy()
        values[rows] = values[rows] * 1000 + 1000
        return replace(table, values=values)

    changed = Inputs(
        moved(inputs.images), tuple(map(moved, inputs.genetics)), moved(inputs.covariates)
    )
    train(tmp_path / "b", changed, settings)
    assert (tmp_path / "a" / WEIGHTS).read_bytes() == (tmp_path / "b" / WEIGHTS).read_bytes()
    assert (tmp_path / "a/log.jsonl").read_bytes() == (tmp_path / "b/log.jsonl").read_bytes()


def test_families_are_in_one_split(run, inputs):
    model = load(run)
    family = dict(zip(inputs.covariates.iids, inputs.covariates.families, strict=True))
    places = {}
    for iid, split in model.splits.items():
        places.setdefault(family[iid], set()).add(split)
    assert max(map(len, places.values())) == 1
    assert sum(list(map(family.get, model.splits)).count(f) > 1 for f in places) > 10


def shuffled(table, seed):
    order = np.random.default_rng(seed).permutation(len(table.iids))
    families = table.families and tuple(table.families[i] for i in order)
    return replace(table, iids=tuple(table.iids[i] for i in order), values=table.values[order],
                   families=families)  # fmt: skip


def test_people_are_joined_by_name_in_whatever_order_rows_are(tmp_path, inputs, run):
    genetics, covariates = (shuffled(inputs.genetics[0], 1),), shuffled(inputs.covariates, 2)
    train(tmp_path / "a", Inputs(inputs.images, genetics, covariates), replace(SMALL, dropout=0.2))
    assert (tmp_path / "a" / WEIGHTS).read_bytes() == (run / WEIGHTS).read_bytes()
    model, found = load(run), []
    for own in (inputs, Inputs(shuffled(inputs.images, 3), genetics, covariates)):
        held = hold_out(model, own)
        rows = held.rows(TEST)
        rows = rows[np.argsort([held.people.iids[i] for i in rows])]
        image, (genetic,) = compared(model.aligner, held.arrays, rows)
        found.append((image, genetic, np.asarray(held.people.families)[rows]))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def halves(inputs, *, lacking):
    """Return inputs with burdens as two modalities, the second without every third person."""
    whole = inputs.genetics[0]
    keep = [i for i in range(len(whole.iids)) if not lacking or i % 3]
    first = replace(whole.select(whole.columns[:5]), name="first")
    second = whole.select(whole.columns[5:])
    second = replace(second, name="second", iids=tuple(whole.iids[i] for i in keep),
                     values=second.values[keep])  # fmt: skip
    return Inputs(inputs.images, (first, second), inputs.covariates)


def test_what_stands_where_a_modality_lacks_is_never_seen(tmp_path, inputs):
    two = halves(inputs, lacking=True)
    plain = AlignTrainer(two, SMALL, tmp_path / "a", device="cpu")
    filled = AlignTrainer(two, SMALL, tmp_path / "b", device="cpu")
    assert (~filled._present).any()
    filled._genetics[1][~filled._present[:, 1]] = torch.nan
    plain.run()
    filled.run()
    assert (tmp_path / "a" / WEIGHTS).read_bytes() == (tmp_path / "b" / WEIGHTS).read_bytes()


def test_inner_is_outer_of_those_who_have_all(tmp_path, inputs):
    inner = replace(SMALL, people="inner", epochs=2)
    lacking = halves(inputs, lacking=True)
    everybody = set(lacking.genetics[1].iids)
    first = lacking.genetics[0]
    rows = [i for i, iid in enumerate(first.iids) if iid in everybody]
    complete = Inputs(
        inputs.images,
        (replace(first, iids=tuple(first.iids[i] for i in rows), values=first.values[rows]),
         lacking.genetics[1]),
        inputs.covariates,
    )  # fmt: skip
    a = train(tmp_path / "a", lacking, inner)
    b = train(tmp_path / "b", complete, replace(inner, people="outer"))
    assert a.people.iids == b.people.iids
    weights = [load(tmp_path / name).aligner.state_dict() for name in "ab"]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=0, atol=0)
    assert a.counts["without second"] > 50


def test_a_model_gives_the_same_vectors_when_it_is_read_again(run, inputs):
    model = load(run)
    trainer = AlignTrainer(inputs, model.settings, run.with_name("none"), device="cpu")
    held = hold_out(model, inputs_of(model))
    assert held.people.iids == trainer.people.iids
    np.testing.assert_array_equal(held.arrays.images, trainer._images.numpy())
    np.testing.assert_array_equal(held.arrays.genetics[0], trainer._genetics[0].numpy())
    image, (genetic,) = compared(model.aligner, held.arrays, held.rows(TEST))
    np.testing.assert_allclose(np.linalg.norm(image, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(genetic, axis=1), 1, rtol=1e-5)
    first = AlignTrainer(inputs, model.settings, run.with_name("none"), device="cpu").aligner
    for name, value in model.untrained().state_dict().items():
        torch.testing.assert_close(value, first.state_dict()[name], rtol=0, atol=0)


def test_new_people_are_held_out_but_for_relatives(run, inputs):
    model = load(run)
    new = make_cohort(seed=9, people=60)
    rows = np.flatnonzero(new.has_image & new.has_genotypes)
    names = tuple(f"new{i}" for i in rows)
    relative = next(iter(model.seen_families))
    burdens = new.burdens(weighted=True)[rows].astype(np.float32)
    covariates = np.column_stack([new.age, new.sex, new.pcs])[rows].astype(np.float32)
    other = Inputs(
        replace(inputs.images, iids=names, values=new.embeddings[rows]),
        (replace(inputs.genetics[0], iids=names, values=burdens),),
        replace(inputs.covariates, iids=names, values=covariates,
                families=(relative, *[""] * (len(rows) - 1))),
    )  # fmt: skip
    held = hold_out(model, model.preparation.fitting(other))
    assert (held.splits == TEST).sum() == len(rows) - 1
    assert held.counts["splits"]["relative of training people"] == 1


def test_who_is_related_to_a_trained_person_as_other_inputs_say_is_not_held_out(run, inputs):
    model = load(run)
    trained = next(iid for iid, split in model.splits.items() if split == "train")
    tested = [iid for iid, split in model.splits.items() if split == "test"][:4]
    names = [trained, *tested, "new", "other"]

    def of(table, **changes):
        rows = [table.iids.index(iid) for iid in [trained, *tested, *tested[:2]]]
        return replace(table, iids=tuple(names), values=table.values[rows], **changes)

    families = of(inputs.covariates, families=("new family", "", "", "", "", "new family", ""))
    other = Inputs(of(inputs.images), (of(inputs.genetics[0]),), families)
    splits = dict(zip(names, hold_out(model, other).splits, strict=True))
    assert (splits["new"], splits["other"]) == ("relative of training people", TEST)


@pytest.mark.parametrize(
    "changes",
    [{"image_encoder": "cnn"}, {"image_encoder": "linear"}, {"precision": "bfloat16"},
     {"genetic_encoder": "mlp"}],
)  # fmt: skip
def test_encoders_and_precision(tmp_path, data, changes):
    images = read_inputs(data, images="images")
    trainer = train(tmp_path / "a", images, replace(SMALL, epochs=25, patience=0, **changes))
    lines = (tmp_path / "a" / "log.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in lines]
    about = load(tmp_path / "a").about
    assert about["device"] == "cpu"
    assert about["precision"] == changes.get("precision", "float32")
    n = np.ceil((trainer.splits == "train").sum() / 3)  # people of a batch
    assert losses[0] == pytest.approx(np.log(n), abs=0.05)  # begins by guessing
    assert losses[-1] < losses[0] - 0.03


def test_planted_genes_are_first_and_own_pairs_are_found(tmp_path):
    data = write_inputs(tmp_path / "c", make_cohort(people=900, h2=1.0, seed=5))
    train(tmp_path / "a", read_inputs(data), AlignSettings(epochs=25, patience=0, batch=128))
    model = load(tmp_path / "a")
    held = hold_out(model, inputs_of(model))
    found = explain(model, held).modalities[0]
    planted = {f"GENE{g + 1:02d}" for g in make_cohort(people=900, h2=1.0, seed=5).planted}
    assert {found.genes.names[i] for i in found.genes.order[:2]} == planted
    rows = held.rows(TEST)
    image, genetics = compared(model.aligner, held.arrays, rows)
    families = np.asarray(held.people.families)[rows]
    measured = retrieval(similarity_of(image, genetics), families, n_permutations=2000,
                         rng=np.random.default_rng(0))  # fmt: skip
    by_name = {row["measure"]: row for row in measured}
    assert by_name["mean_percentile"]["value"] > by_name["mean_percentile"]["null_999"]
    passed = (found.associations.q < 0.05).any(axis=0)
    assert {found.tested[g].partition("|")[0] for g in np.flatnonzero(passed)} >= planted


def test_nothing_heritable_is_within_chance(tmp_path):
    """Of six cohorts more than two with p < .05 would come once in 450."""
    small = 0
    for seed in range(6):
        data = write_inputs(tmp_path / f"c{seed}", make_cohort(h2=0.0, seed=20 + seed))
        train(tmp_path / f"r{seed}", read_inputs(data), SMALL)
        model = load(tmp_path / f"r{seed}")
        held = hold_out(model, inputs_of(model))
        rows = held.rows(TEST)
        image, genetics = compared(model.aligner, held.arrays, rows)
        families = np.asarray(held.people.families)[rows]
        measured = retrieval(similarity_of(image, genetics), families, n_permutations=1000,
                             rng=np.random.default_rng(0))  # fmt: skip
        small += measured[-1]["p"] < 0.05
    assert small <= 2


def test_a_validation_in_which_nobody_can_be_told_apart_is_refused(tmp_path):
    names = [f"p{i:02d}" for i in range(40)]
    families = [f"{name} alone" for name in names]
    settings = replace(SMALL, validation=0.05, adjust="none")
    splits = split_people(families, validation=0.05, test=settings.test, seed=settings.seed)
    one, other = np.flatnonzero(splits == "validation")
    values = np.random.default_rng(0).normal(size=(40, 3))
    genetics = tuple(
        table(np.delete(names, lacking), np.delete(values, lacking, 0), name=name)
        for name, lacking in (("first", one), ("second", other))
    )
    with pytest.raises(InputError, match="no two of 2 validation people have one modality"):
        AlignTrainer(Inputs(table(names, values, name="images"), genetics), settings,
                     tmp_path / "a", device="cpu")  # fmt: skip


def test_refusals(tmp_path, inputs, run, data):
    with pytest.raises(InputError, match="image encoder cnn, but the images are 64 columns"):
        AlignTrainer(inputs, replace(SMALL, image_encoder="cnn"), tmp_path / "a", device="cpu")
    small = replace(inputs.images, columns=(), values=inputs.images.values[:, None, :4, None])
    with pytest.raises(InputError, match=r"images of \(1, 4, 1\); expected at least 8 x 8"):
        AlignTrainer(
            replace(inputs, images=small), replace(SMALL, image_encoder="cnn"), tmp_path / "a",
            device="cpu",
        )  # fmt: skip
    with pytest.raises(InputError, match="needs covariates"):
        AlignTrainer(Inputs(inputs.images, inputs.genetics), SMALL, tmp_path / "a", device="cpu")
    with pytest.raises(InputError, match="people 'both'; expected inner, outer"):
        replace(SMALL, people="both")
    with pytest.raises(InputError, match=r"temperature 0; expected from 0.001"):
        replace(SMALL, temperature=0)
    with pytest.raises(InputError, match="leave no training people"):
        replace(SMALL, validation=0.5, test=0.5)
    with pytest.raises(InputError, match="missing or not known"):
        AlignSettings.from_dict({"seed": 1})
    with pytest.raises(TrainingError, match="no checkpoint"):
        AlignTrainer(inputs, SMALL, tmp_path / "a", device="cpu").run(resume=True)
    with pytest.raises(ModelError, match="no finished alignment"):
        load(tmp_path)
    hurt = tmp_path / "hurt"
    hurt.mkdir()
    for file in (run / "model").iterdir():
        (hurt / file.name).write_bytes(file.read_bytes())
    load(hurt)
    (hurt / "people.tsv").write_text("iid\n")
    with pytest.raises(ModelError, match=r"people.tsv is damaged"):
        load(hurt)
    model = load(run)
    moved = replace(model, about=json.loads(json.dumps(model.about)))
    moved.about["inputs"]["images"]["sha256"] = "0" * 64
    with pytest.raises(InputError, match="was changed since the model was trained"):
        inputs_of(moved)
    moved.about["inputs"]["images"]["path"] = str(tmp_path / "away.npy")
    with pytest.raises(InputError, match="say where it is now"):
        inputs_of(moved)
    moved = replace(model, about=json.loads(json.dumps(model.about)))
    moved.about["inputs"]["images"]["iid_sha256"] = "0" * 64  # other people for the same rows
    with pytest.raises(InputError, match="was changed since the model was trained"):
        inputs_of(moved)
    with pytest.raises(InputError, match="other images need covariates"):
        inputs_of(model, images=data / "embeddings.npy")
