"""`mfdvep align`: from files to an explanation, and what a person reads when it cannot be."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from cohort.align.made import make_cohort, write_burdens, write_inputs

from mfdvep.cli.align_options import named
from mfdvep.files import sha256

SMALL = ["--epochs", "8", "--width", "8", "--hidden", "16", "--projection", "16", "--batch", "64",
         "--learning-rate", "3e-3", "-q"]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    cohort = make_cohort()
    folder = write_inputs(tmp_path_factory.mktemp("cohort"), cohort)
    write_burdens(folder / "counts.parquet", cohort, weighted=False)
    return folder


def training(data, output, *more):
    return ["align", "train", "--images", f"{data}/embeddings.npy", "--genetics",
            f"{data}/burdens.parquet", "--covariates", f"{data}/covariates.tsv", "-o", str(output),
            *SMALL, *more]  # fmt: skip


@pytest.fixture
def trained(tmp_path, data, run):
    code, _, err = run(*training(data, tmp_path / "run"))
    assert code == 0, err
    return tmp_path / "run"


def rows(path):
    with open(path, newline="") as handle:
        return list(csv.DictReader(handle, delimiter="\t"))


def test_the_whole_way(tmp_path, data, run, trained):
    config = json.loads((trained / "model" / "config.json").read_text())
    assert config["about"]["command"].startswith("mfdvep align train --images")
    assert config["about"]["counts"]["used"] == len(rows(trained / "model" / "people.tsv"))
    left = rows(trained / "model" / "left_out.tsv")
    assert {row["reason"] for row in left} == {"without embeddings", "without genetics"}
    assert len(left) + config["about"]["counts"]["used"] == 300
    code, out, err = run(
        "align", "evaluate", str(trained), "--phenotype", f"{data}/phenotypes.tsv:trait",
        "--phenotype", f"{data}/phenotypes.tsv:case", "--labelled", "30", "--draws", "3",
        "--permutations", "1000", "-o", str(tmp_path / "evaluation"),
    )  # fmt: skip
    assert code == 0, err
    assert "image to genetics, retrieval@10" in out
    assert "phenotypes.tsv:case" in out
    assert "left out: " in err
    found = rows(tmp_path / "evaluation" / "retrieval.tsv")
    assert len(found) == 8
    assert all(float(r["null_low"]) <= float(r["null_95"]) <= float(r["null_999"]) for r in found)
    assert len(rows(tmp_path / "evaluation" / "probe_differences.tsv")) == 4
    about = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())
    weights = trained / "model" / "model.safetensors"
    assert about["model"]["sha256"] == sha256(weights)
    assert [own["name"] for own in about["inputs"]] == ["embeddings", "burdens", "covariates"]
    assert about["inputs"][0]["iid_sha256"] == sha256(data / "embeddings.iid.txt")
    assert about["options"]["phenotypes"][1] == {
        "file": "phenotypes.tsv", "column": "case", "sha256": sha256(data / "phenotypes.tsv")
    }  # fmt: skip
    code, out, err = run("align", "explain", str(trained), "-o", str(tmp_path / "why"), "-q")
    assert code == 0, err
    assert "burdens: region" in out
    assert err == ""
    names = {path.name for path in (tmp_path / "why").iterdir()}
    assert names >= {"genes.tsv", "columns.tsv", "associations.tsv", "inflation.tsv", "genes.png",
                     "associations.svg", "explanation.json"}  # fmt: skip
    assert len(rows(tmp_path / "why" / "genes.tsv")) == 10
    assert rows(tmp_path / "why" / "columns.tsv")[0]["name"].endswith("|biological_absolute")


def test_outputs_are_not_overwritten_and_are_the_same_again(tmp_path, run, trained):
    command = ["align", "explain", str(trained), "-o", str(tmp_path / "why"), "-q"]
    assert run(*command)[0] == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "why").iterdir()
             if path.suffix != ".json"}  # fmt: skip
    code, _, err = run(*command)
    assert code == 1
    assert "--force" in err
    assert run(*command, "--force")[0] == 0
    for name, content in first.items():
        assert (tmp_path / "why" / name).read_bytes() == content, name


def test_two_modalities_of_which_some_lack_one(tmp_path, data, run):
    scores = data / "few.tsv"
    names = [row["iid"] for row in rows(data / "phenotypes.tsv")][::2]
    drawn = np.random.default_rng(0).normal(size=len(names))
    lines = [f"{iid}\t{x:.4f}\n" for iid, x in zip(names, drawn, strict=True)]
    scores.write_text("iid\tprs\n" + "".join(lines))
    command = training(data, tmp_path / "run", "--genetics", f"scores={scores}")
    command.remove("-q")
    code, _, err = run(*command)
    assert code == 0, err
    assert "of those who take part have scores" in err
    code, out, _ = run("align", "evaluate", str(tmp_path / "run"), "--permutations", "1000", "-q")
    assert code == 0
    assert "all modalities" in out
    assert out.count("retrieval@1 ") == 6


def test_other_genetics_of_the_same_people(tmp_path, data, run, trained):
    code, out, err = run(
        "align", "explain", str(trained), "--genetics", f"burdens={data}/counts.parquet", "-q",
        "-o", str(tmp_path / "why"),
    )  # fmt: skip
    assert code == 0, err
    about = json.loads((tmp_path / "why" / "explanation.json").read_text())
    assert about["inputs"][1]["sha256"] == sha256(data / "counts.parquet")
    assert "burdens: region" in out
    code, _, err = run("align", "explain", str(trained), "--genetics", f"{data}/counts.parquet")
    assert code == 1
    assert "the model was trained with burdens: name them so, NAME=FILE" in err


def test_a_path_may_have_an_equals_sign():
    assert named(["runs/h2=0/burdens.v1.parquet", "prs=runs/h2=0/x.tsv"]) == {
        "burdens": "runs/h2=0/burdens.v1.parquet", "prs": "runs/h2=0/x.tsv"
    }  # fmt: skip


def test_covariates_that_are_not_used_are_chosen_all_the_same(tmp_path, data, run):
    table = data / "with_text.tsv"
    lines = (data / "covariates.tsv").read_text().splitlines()
    table.write_text("\n".join([f"{lines[0]}\tsite", *(f"{x}\tLeeds" for x in lines[1:])]) + "\n")
    command = training(data, tmp_path / "run", "--adjust", "none", "--covariate", "age")
    command[command.index(f"{data}/covariates.tsv")] = str(table)
    assert run(*command)[0] == 0
    code, _, err = run("align", "explain", str(tmp_path / "run"), "-q", "-o", str(tmp_path / "why"))
    assert code == 0, err
    about = json.loads((tmp_path / "why" / "explanation.json").read_text())
    assert about["covariates"] == ["age"]


def test_resumed_by_the_command(tmp_path, data, run, trained, monkeypatch):
    from mfdvep.cohort.align.training import AlignTrainer

    loss_of = AlignTrainer.loss_of

    def stop(self, split):
        if self.epoch == 5:
            raise KeyboardInterrupt
        return loss_of(self, split)

    command = training(data, tmp_path / "again", "--checkpoint-every", "2")
    with monkeypatch.context() as patch:
        patch.setattr(AlignTrainer, "loss_of", stop)
        code, _, err = run(*command)
    assert code == 130
    assert "the same command with --resume goes on from epoch 4" in err
    assert run(*command, "--resume")[0] == 0
    # but for how often it is kept, the run is the one of the fixture
    name = "model/model.safetensors"
    assert (tmp_path / "again" / name).read_bytes() == (trained / name).read_bytes()


def test_what_cannot_be(tmp_path, data, run):
    code, _, err = run("align", "explain", str(tmp_path))
    assert (code, "no finished alignment" in err) == (1, True)
    code, _, err = run("align", "evaluate", str(tmp_path), "--phenotype", "p.tsv")
    assert (code, "expected FILE:COLUMN" in err) == (2, True)
    code, _, err = run("align", "train", "--images", f"{data}/embeddings.npy", "--genetics",
                       f"{data}/burdens.parquet", "--covariate", "age", "-o", "x")  # fmt: skip
    assert (code, "names columns of --covariates FILE" in err) == (2, True)
    twice = training(data, tmp_path / "run", "--genetics", f"{data}/burdens.parquet")
    code, _, err = run(*twice)
    assert (code, "two inputs are named 'burdens'" in err) == (1, True)
    code, _, err = run(*training(data, tmp_path / "run", "--image-encoder", "cnn"))
    assert (code, "image encoder cnn" in err) == (1, True)
    assert not (tmp_path / "run").exists()


def test_few_families_have_no_interval(tmp_path, run):
    few = write_inputs(tmp_path / "few", make_cohort(people=40, seed=3, maf_max=0.05))
    assert run(*training(few, tmp_path / "run"))[0] == 0
    code, out, err = run("align", "evaluate", str(tmp_path / "run"), "--permutations", "1000", "-q",
                         "-o", str(tmp_path / "evaluation"))  # fmt: skip
    assert code == 0, err
    assert "nan" not in out
    assert rows(tmp_path / "evaluation" / "retrieval.tsv")[0]["low"] == ""
    code, out, err = run("align", "explain", str(tmp_path / "run"), "-q", "-o", str(tmp_path / "w"))
    assert (code, err) == (0, "")
    assert "nan" not in out


@pytest.mark.parametrize("command", ["train", "evaluate", "explain"])
def test_help_has_an_example(run, command):
    code, out, _ = run("align", command, "--help")
    assert code == 0
    assert f"mfdvep align {command}" in out.partition("Example:")[2]
