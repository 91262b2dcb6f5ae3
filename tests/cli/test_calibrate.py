"""`mfdvep calibrate`, and what `mfdvep score` and `explain-variant` do with the table."""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from pathlib import Path

import cyvcf2
import duckdb
import numpy as np
import pytest
from conftest import make_model, random_bases, write_fasta

from mfdvep import EffectFile, read_calibration, read_effects
from mfdvep.model.checkpoint import load_model, model_folder, save_model

BASES = random_bases(3000, seed=8)
HEADER = (
    "##fileformat=VCFv4.3\n"
    '##INFO=<ID=AF,Number=A,Type=Float,Description="frequency">\n'
    "##contig=<ID=chr1,length=3000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
ONE = ("--shifts", "1", "--strand", "forward")


def records(positions, *, step: int = 1) -> str:
    lines = []
    for i, pos in enumerate(positions):
        ref = BASES[pos - 1]
        alt = "ACGT"[("ACGT".index(ref) + step) % 4]
        lines.append(f"chr1\t{pos}\t.\t{ref}\t{alt}\t.\t.\tAF={0.1 if i % 4 else 0.01}\n")
    return "".join(lines)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model, a genome, 160 variants of which 120 are frequent, and some to be scored."""
    folder = tmp_path_factory.mktemp("made")
    save_model(make_model(), folder / "model", about={})
    write_fasta(folder / "g.fa", {"chr1": BASES})
    (folder / "common.vcf").write_text(HEADER + records(range(700, 2300, 10)))
    (folder / "in.vcf").write_text(HEADER + records(range(800, 1000, 30), step=2))
    return folder


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """The same in the working folder, where nothing else is."""
    monkeypatch.chdir(shutil.copytree(made, tmp_path / "run"))
    return Path.cwd()


def calibrate(run, *options: str, background=("common.vcf",)) -> tuple[int, str, str]:
    return run("calibrate", *background, "-f", "g.fa", "-m", "model", *ONE, "--device", "cpu",
               "--threads", "1", *options)  # fmt: skip


def score(run, *options: str, shifts=ONE) -> tuple[int, str, str]:
    return run("score", "in.vcf", "-f", "g.fa", "-m", "model", *shifts, "--threads", "1",
               "-o", "o.vcf", "--force", *options)  # fmt: skip


def quantiles(path="o.vcf") -> list[str | None]:
    found = []
    for record in cyvcf2.VCF(path):
        info = dict(entry.split("=") for entry in str(record).split("\t")[7].strip().split(";"))
        found.append(info.get("MFD_Q"))
    return found


def test_the_table_of_a_model_is_found(run, folder):
    """It lies in the folder of the model, and score uses it."""
    code, out, err = calibrate(run, "--min-af", "0.05")
    assert (code, out) == (0, "")
    assert err.splitlines()[-1] == (
        "model/calibration.parquet: 120 scored ALTs on 5 tracks; no quantile is above 1 - 1/120"
    )
    table = read_calibration("model/calibration.parquet")
    assert table.about["background"]["file"] == "common.vcf"
    assert table.about["filters"] == {"min_af": 0.05}
    assert table.about["command"].startswith("mfdvep calibrate common.vcf -f g.fa -m model")
    assert table.about["model"]["name"] == "model"
    assert {path.name for path in (folder / "model").iterdir()} == {
        "calibration.parquet", "config.json", "model.safetensors", "tracks.tsv",
    }  # fmt: skip
    assert score(run, "--matrix", "m.parquet", "--quantiles", "-q") == (0, "", "")
    assert None not in quantiles()
    assert "." not in quantiles()
    file = EffectFile("m.parquet")
    found = file.effects("combined_quantile", slice(None), np.ones(len(file), dtype=bool)).T
    assert np.array_equal(found, table.quantiles(read_effects("m.parquet")).combined)
    assert file.provenance["calibration"]["file"] == "calibration.parquet"
    load_model("model")  # which the table leaves as it was


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="no bcftools")
def test_other_tools_read_quantiles(run, folder):
    assert calibrate(run, "-q")[0] == 0
    assert score(run, "-o", "o.bcf", "--matrix", "m.parquet", "--quantiles", "-q")[0] == 0
    effects = read_effects("m.parquet")
    found = read_calibration("model/calibration.parquet").quantiles(effects)
    pos = np.array([variant.pos for variant in effects.variants])

    def bcftools(*args: str) -> list[int]:
        command = ["bcftools", *args, "-f", "%POS\n"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        return sorted(map(int, set(done.stdout.split())))

    shown = bcftools("query", "o.bcf", "-i", "ABS(MFD_Q) > 0.5")
    assert shown == pos[np.abs(found.largest["combined"]) > 0.5].tolist()
    column = ("-a", "MFD", "-c", "QUANTILE:Float", "-i", "QUANTILE > 0.5")
    listed = np.argsort(-np.abs(effects.combined), axis=1)[:, :3]
    high = np.take_along_axis(found.combined, listed, axis=1).max(axis=1) > 0.5
    assert bcftools("+split-vep", "o.bcf", *column) == pos[high].tolist()
    assert 0 < high.sum() < len(pos)
    query = "SELECT pos FROM 'm.parquet' WHERE combined_quantile[1] > 0.5 ORDER BY pos"
    assert [row for (row,) in duckdb.sql(query).fetchall()] == (
        pos[found.combined[:, 0] > 0.5].tolist()
    )


def test_none_leaves_quantiles_out(run, folder):
    assert calibrate(run, "-q") == (0, "", "")
    assert score(run, "--calibration", "none", "-q") == (0, "", "")
    assert set(quantiles()) == {None}


def test_a_table_that_does_not_fit_is_told_once(run, folder):
    """That of the model is left aside; one that is named is refused."""
    assert calibrate(run, "-q")[0] == 0
    code, _, err = score(run, shifts=("--shifts", "3"))
    assert code == 0
    said = [text for text in err.splitlines() if "warning" in text]
    assert said == [
        "mfdvep: warning: no quantiles: model/calibration.parquet was made with strand forward, "
        "not both; with shifts 0, not -1,0,1; mfdvep calibrate makes one that fits"
    ]
    assert set(quantiles()) == {None}
    assert score(run, "-q", shifts=("--shifts", "3")) == (0, "", "")
    code, _, err = score(run, "--calibration", "model/calibration.parquet", "--scale", "logit")
    assert code == 1
    assert "model/calibration.parquet: made with scale probability, not logit: its quant" in err


def test_a_matrix_that_is_scored_already(run, folder):
    """Gives the table that its variants give."""
    assert calibrate(run, "-o", "one.parquet", "-q")[0] == 0
    options = ("-o", "b.vcf", "--matrix", "b.parquet", "--info", "AF", "-q")
    assert run("score", "common.vcf", "-f", "g.fa", "-m", "model", *ONE, *options)[0] == 0
    assert run("calibrate", "--matrix", "b.parquet", "-o", "two.parquet", "-q") == (0, "", "")
    one, two = read_calibration("one.parquet"), read_calibration("two.parquet")
    assert one.n == two.n == 160
    for kind, sizes in one.sizes.items():
        assert np.allclose(sizes, two.sizes[kind], rtol=1e-4, atol=1e-7)
    assert two.about["background"]["file"] == "b.parquet"
    options = ("--min-af", "0.05", "-o", "three.parquet", "-q")
    assert run("calibrate", "--matrix", "b.parquet", *options)[0] == 0
    assert read_calibration("three.parquet").n == 120


def test_some_tracks(run, folder):
    """Of a table with the same --where the largest effects have quantiles, of another not."""
    where = ("--where", "target == 'CTCF'")
    assert calibrate(run, *where, "-o", "ctcf.parquet", "-q")[0] == 0
    assert score(run, *where, "--calibration", "ctcf.parquet", "-q") == (0, "", "")
    assert "." not in quantiles()
    assert calibrate(run, "-q")[0] == 0
    with warnings.catch_warnings():
        warnings.simplefilter("always")  # they are shown
        code, _, err = score(run, *where, "-q")
        assert (code, set(quantiles()), err.count("\n")) == (0, {"."}, 1)
        assert "the largest effect over 2 tracks has no quantile among those over the 5 of" in err
        code, _, err = score(run, "--calibration", "ctcf.parquet", "-q")
    assert (code, set(quantiles()), err.count("\n")) == (0, {"."}, 2)
    assert "ctcf.parquet lacks 3 tracks of 5, which get no quantile, such as GATA1/K562/E1" in err


def test_a_virtual_track(run, folder):
    virtual = ("--virtual", "target=CTCF,biosample=K562")
    assert calibrate(run, *virtual, "-o", "v.parquet", "-q")[0] == 0
    assert score(run, *virtual, "--calibration", "v.parquet", "-q") == (0, "", "")
    assert "." not in quantiles()


def test_a_table_is_checked_too(run, folder):
    assert calibrate(run, "-o", "c.parquet", "-q")[0] == 0
    code, *_ = score(run, "--check", "--calibration", "c.parquet")
    assert code == 0
    code, out, _ = score(run, "--check", "--calibration", "c.parquet", "--scale", "logit")
    assert code == 1
    assert "made with scale probability, not logit" in out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--calibration", "no.parquet"], "no.parquet: not a whole table of quantiles"),
        (["--calibration", "half"], "half: not a whole table of quantiles"),
        (["--calibration", "in.vcf"], "in.vcf: not a whole table of quantiles"),
        (["--calibration", "c.parquet", "--matrix", "c.parquet"], "c.parquet is an input"),
        (["--quantiles", "--matrix", "m.parquet"], "give both: --matrix and --calibration"),
    ],
)
def test_score_refuses(run, folder, options, says):
    assert calibrate(run, "-o", "c.parquet", "-q")[0] == 0
    data = Path("c.parquet").read_bytes()
    Path("half").write_bytes(data[: len(data) // 2])
    code, _, err = score(run, *options, "-q")
    assert code == 1
    assert says in err
    assert not Path("o.vcf").exists()
    assert Path("c.parquet").read_bytes() == data


def test_a_damaged_table_of_the_model_is_refused(run, folder):
    Path("model/calibration.parquet").write_text("no")
    code, _, err = score(run, "-q")
    assert code == 1
    assert "model/calibration.parquet: not a whole table of quantiles" in err
    assert "or give --calibration none" in err
    assert score(run, "--calibration", "none", "-q") == (0, "", "")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--min-af", "0.2"], "common.vcf: 0 of 0 ALTs of an AF of at least 0.2 are scored"),
        (["-o", "common.vcf"], "table common.vcf is an input of this run"),
        (["-o", "in.vcf"], "table in.vcf exists; choose another output or use --force"),
        (["-o", "c.tsv"], "c.tsv: expected a name that ends in .parquet"),
        (["-o", "no/c.parquet"], "no folder no; make it first"),
        (["--where", "target == 'CTFC'", "-o", "c.parquet"], "nearest: CTCF"),
    ],
)
def test_refusals(run, folder, options, says):
    before = sorted(path.name for path in folder.rglob("*"))
    code, _, err = calibrate(run, *options, "-q")
    assert code == 1
    assert says in err
    assert sorted(path.name for path in folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "give BACKGROUND to be scored, or --matrix; one of them"),
        (["common.vcf", "--matrix", "m.parquet"], "one of them"),
        (["common.vcf"], "BACKGROUND is scored on a reference; give it with -f"),
        (["--matrix", "m.parquet", "--where", "x"], "--matrix has its tracks"),
        (["common.vcf", "-f", "g.fa"], "the folder of a bundled model is not written to"),
        (["common.vcf", "-f", "g.fa", "-m", "regulome45"], "give the table a name: -o"),
        (["-", "-f", "g.fa", "-o", "c.parquet"], "BACKGROUND is read more than once"),
        (["/dev/stdin", "-f", "g.fa", "-o", "c.parquet"], "BACKGROUND is read more than once"),
        (["--matrix", "m.parquet", "--scale", "logit"], "--scale is of scoring"),
        (["--matrix", "m.parquet", "-f", "g.fa", "-o", "c.parquet"], "--fasta is of scoring"),
        (
            ["common.vcf", "-f", "g.fa", "-m", "model", "--where", 'lab == "a"'],
            "a table of some tracks is not the model's own",
        ),
    ],
)
def test_usage(run, folder, monkeypatch, args, says):
    monkeypatch.delenv("MFDVEP_FASTA", raising=False)
    code, _, err = run("calibrate", *args)
    assert code == 2
    assert says in err


def test_a_matrix_of_another_model_or_of_some_tracks_is_not_the_models_own(run, folder):
    score(run, "--matrix", "all.parquet")
    score(run, "--matrix", "some.parquet", "--where", 'lab == "a"')
    for options, says in (
        (["some.parquet", "-m", "model"], "2 tracks are not the 5 of the model"),
        (["all.parquet", "-m", "regulome45", "-o", "c.parquet"], "effects of the model model"),
        (["all.parquet", "-m", "none", "-o", "c.parquet"], "no model 'none'"),
    ):
        code, _, err = run("calibrate", "--matrix", *options, "-q")
        assert code == 1
        assert says in err


@pytest.mark.parametrize("name", ["model/model.safetensors", "model/tracks.tsv", "c.vcf"])
def test_a_table_replaces_no_file_of_the_model(run, folder, name):
    before = {path: path.read_bytes() for path in Path("model").iterdir()}
    code, _, err = calibrate(run, "-o", name, "--force", "-q")
    assert code == 1
    assert "is an input of this run" in err or "a name that ends in .parquet" in err
    assert {path: path.read_bytes() for path in Path("model").iterdir()} == before


def test_a_query_does_not_replace_the_table_of_the_model(run, folder):
    assert calibrate(run, "-q")[0] == 0
    assert score(run, "--store-features", "f.parquet")[0] == 0
    table = Path("model/calibration.parquet")
    before = table.read_bytes()
    code, _, err = run("query", "f.parquet", "-m", "model", "-o", str(table), "--force", "-q")
    assert code == 1
    assert "calibration.parquet" in err
    assert table.read_bytes() == before


@pytest.mark.parametrize("model", [[], ["-m", "regulome45"]])
def test_no_output_is_a_file_of_the_bundled_model(run, folder, model):
    table = model_folder("regulome45") / "calibration.parquet"
    before = table.read_bytes()
    for command in (
        ["score", "in.vcf", "-f", "g.fa", "-o", "o.vcf", "--matrix"],
        ["query", "x", "-o"],
    ):
        code, _, err = run(*command, str(table), "--force", "-q", *model)
        assert code == 1
        assert "is an input of this run" in err
    assert table.read_bytes() == before


def test_quantiles_are_kept_in_the_matrix(run, folder):
    code, _, err = score(run, "--quantiles")
    assert code == 2
    assert "--quantiles are kept in the matrix; give --matrix too" in err


def test_explain_variant_uses_the_table_of_the_model(run, folder):
    assert calibrate(run, "--min-af", "0.05", "-q")[0] == 0
    assert score(run, "--matrix", "m.parquet", "--quantiles", "-q")[0] == 0
    variant = read_effects("m.parquet").variants[2]
    args = (f"chr1:{variant.pos}:{variant.ref}:{variant.alt}", "-f", "g.fa", "-m", "model", *ONE)
    code, text, err = run("explain-variant", *args, "-o", "page", "--flank", "5", "-q")
    assert (code, err) == (0, "")
    assert "among 120 other variants of common.vcf, the quantile of the largest effect" in text
    said = json.loads(Path("page/explanation.json").read_text())["background"]
    file = EffectFile("m.parquet")
    row = np.arange(len(file)) == 2
    for kind in file.kinds:
        found = file.effects(f"{kind}_quantile", slice(None), row)[:, 0]
        assert np.allclose(said["tracks"][kind], np.abs(found))
    table = read_calibration("model/calibration.parquet")
    largest = table.quantiles(read_effects("m.parquet")).largest
    assert said["largest"]["combined"] == pytest.approx(abs(float(largest["combined"][2])))
    code, text, err = run("explain-variant", *args, "--strand", "reverse")
    assert code == 0
    assert "no quantiles: model/calibration.parquet was made with strand forward" in err
    assert "common.vcf" not in text


def test_explain_variant_says_why_it_has_no_quantiles(run, folder):
    assert calibrate(run, "-q")[0] == 0
    ref, alt = BASES[800], "ACGT"[("ACGT".index(BASES[800]) + 1) % 4]
    command = ["explain-variant", f"chr1:801:{ref}:{alt}", "-f", "g.fa", "-m", "model"]
    code, out, err = run(*command, *ONE)
    assert (code, err) == (0, "")
    assert "quantile" in out
    code, out, err = run(*command, *ONE, "--calibration", "none")
    assert (code, err) == (0, "")
    assert "quantile" not in out
    code, out, err = run(*command, "--shifts", "3")
    assert code == 0
    assert "quantile" not in out
    assert "no quantiles: model/calibration.parquet was made with" in err
    named = ["--calibration", "model/calibration.parquet"]
    code, _, err = run(*command, "--shifts", "3", *named)
    assert code == 1
    assert "its quantiles are of other effects" in err


def test_the_bundled_table_fits_the_bundled_model():
    """With the default options of score, and for all its tracks."""
    table = read_calibration(model_folder("regulome45") / "calibration.parquet")
    model = load_model()
    assert table.names == model.tracks.names
    offsets = list(range(-5, 6))
    run = {"model": model.provenance, "scale": "probability", "strand": "both", "shifts": offsets}
    assert table.differences(run) == []
    assert table.differences({**run, "shifts": [0]}) != []


def test_the_bundled_model_has_a_table():
    """Of real common variants, for what score does where nothing else is asked for."""
    folder = model_folder("regulome45")
    table, model = read_calibration(folder / "calibration.parquet"), load_model()
    assert table.about["model"] == model.provenance
    assert table.names == model.tracks.names
    assert (table.n, table.about["filters"]) == (3758, {"min_af": 0.05})
    run = {"scale": "probability", "strand": "both", "shifts": list(range(-5, 6))}
    assert table.differences({"model": model.provenance, **run}) == []
    assert Path(table.path).stat().st_size < 1.6e6
