"""`mfdvep query`, and `mfdvep score` with features and groups, as they are typed."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.model.checkpoint import load_model
from mfdvep.model.tracks import TrackTable
from mfdvep.scoring.effect_file import EffectFile
from mfdvep.scoring.effects import KINDS, AlleleFeatures, EffectBatch
from mfdvep.scoring.feature_store import StoreWriter
from mfdvep.scoring.matrix import read_effects
from mfdvep.scoring.store_file import FeatureStore

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
N_LABELLED = 300


@pytest.fixture(scope="module")
def scored(tmp_path_factory) -> Path:
    """The folder of a run on the header and eight records of the example, with all outputs."""
    folder = tmp_path_factory.mktemp("scored")
    with gzip.open(EXAMPLES / "variants.vcf.gz", "rt") as file:
        lines = file.read().splitlines()
    n_header = sum(line.startswith("#") for line in lines)
    (folder / "in.vcf").write_text("\n".join(lines[: n_header + 8]) + "\n")
    command = (
        f"score in.vcf -f {EXAMPLES}/genome.fa --shifts 3 --threads 1 --scale logit -q "
        "--matrix m.parquet --store-features f.parquet --groups g.parquet "
        "--group-by target,biosample -o o.vcf"
    )
    subprocess.run(
        [sys.executable, "-m", "mfdvep", *command.split()], cwd=folder, check=True,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
    )  # fmt: skip
    return folder


@pytest.fixture
def labelled(tmp_path) -> Path:
    """A store of the bundled model, whose features are wider where the label is 1."""
    model = load_model()
    rng = np.random.default_rng(0)
    label = rng.random(N_LABELLED) < 0.4
    both = rng.normal(size=(2, N_LABELLED, model.config.n_latent)) * (1 + label)[:, None]
    variants = tuple(
        Variant(f"chr{i % 5 + 1}", i * 9_000 + 1, "A", "C", i, 1) for i in range(N_LABELLED)
    )
    batch = EffectBatch(
        variants, (VariantStatus.OK,) * N_LABELLED, *np.zeros((3, N_LABELLED, 1), np.float32),
        TrackTable({"track": ("t",)}), features=AlleleFeatures(*both.astype(np.float32)),
    )  # fmt: skip
    about = {"model": model.provenance}
    with StoreWriter(
        tmp_path / "f.parquet", model.config.n_latent, about, extra=["LABEL"]
    ) as writer:
        writer.write(batch, [[str(int(x)) for x in label]])
    return tmp_path / "f.parquet"


def test_all_tracks(run, scored, tmp_path):
    code, out, err = run("query", str(scored / "f.parquet"), "-o", str(tmp_path / "q.parquet"))
    assert (code, out) == (0, "")
    assert err.splitlines()[-1] == f"mfdvep: {tmp_path}/q.parquet: 9 alleles, 442 tracks"
    found, expected = read_effects(tmp_path / "q.parquet"), read_effects(scored / "m.parquet")
    assert (found.variants, found.status) == (expected.variants, expected.status)
    assert found.tracks == expected.tracks
    for kind in KINDS:
        pair = getattr(found, kind), getattr(expected, kind)
        np.testing.assert_allclose(*pair, rtol=2e-6, atol=1e-6)
    assert np.array_equal(found.combined, found.biological + found.technical, equal_nan=True)
    assert found.provenance["command"].startswith("mfdvep query ")


def test_the_default_output_lies_beside_the_store(run, labelled):
    where = ["--where", 'target == "CTCF"', "-q"]
    assert run("query", str(labelled), *where) == (0, "", "")
    made = labelled.with_name("f.effects.parquet")
    assert set(EffectFile(made).tracks["target"]) == {"CTCF"}
    code, _, err = run("query", str(labelled), *where)
    assert code == 1
    assert "exists; choose another output or use --force" in err
    assert run("query", str(labelled), *where, "--force") == (0, "", "")


def test_text_on_standard_output(run, scored):
    code, out, err = run("query", str(scored / "f.parquet"), "--tracks", "X0001", "-o", "-", "-q")
    assert (code, err) == (0, "")
    header, *lines = [text.split("\t") for text in out.splitlines()]
    assert header == ["chrom", "pos", "ref", "alt", "status", "track", *KINDS]
    assert len(lines) == 9
    effects = read_effects(scored / "m.parquet")
    expected = effects.effect_of("CTCF/GM12878/X0001")
    found = [float(text[6] or "nan") for text in lines]
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)


def test_text_has_the_info_that_the_store_keeps(run, labelled):
    options = ["--tracks", "X0001", "--tracks", "X0005", "-o", "-", "-q"]
    code, out, err = run("query", str(labelled), *options)
    assert (code, err) == (0, "")
    header, *lines = [text.split("\t") for text in out.splitlines()]
    assert header == ["chrom", "pos", "ref", "alt", "status", "LABEL", "track", *KINDS]
    assert [text[5] for text in lines[::2]] == FeatureStore(labelled).text("LABEL")


def test_a_virtual_track(run, scored):
    virtual = ["--virtual", "target=CTCF,biosample=HepG2", "-o", "-", "-q"]
    code, out, err = run("query", str(scored / "f.parquet"), *virtual)
    assert (code, err) == (0, "")
    lines = [text.split("\t") for text in out.splitlines()[1:]]
    assert {text[5] for text in lines} == {"CTCF/HepG2/virtual"}
    assert len(lines) == 9


def test_who_reads_standard_output_may_stop(labelled):
    command = [sys.executable, "-m", "mfdvep", "query", str(labelled), "-o", "-", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout.readline().startswith(b"chrom\t")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_groups(run, scored, tmp_path):
    by = ["--group-by", "target", "--group-by", "biosample", "-o", str(tmp_path / "g.parquet")]
    code, _, err = run("query", str(scored / "f.parquet"), *by)
    assert code == 0
    assert err.splitlines()[-1] == f"mfdvep: {tmp_path}/g.parquet: 9 alleles, 395 groups of tracks"
    found, expected = read_effects(tmp_path / "g.parquet"), read_effects(scored / "g.parquet")
    assert found.tracks == expected.tracks
    assert list(found.tracks.columns) == ["group", "target", "biosample", "n_tracks"]
    assert sum(map(int, found.tracks["n_tracks"])) == 442
    np.testing.assert_allclose(found.combined, expected.combined, rtol=2e-6, atol=1e-6)


def test_enrichment_of_a_query_and_of_its_groups(run, labelled, tmp_path):
    for options in ([], ["--group-by", "target,assay"]):
        path = str(tmp_path / "q.parquet")
        assert run("query", str(labelled), "-q", "-o", path, "--force", *options) == (0, "", "")
        enrich = ["enrich", path, "-q", "--bootstrap", "20", "--threads", "1"]
        report = ["--where", 'target == "CTCF"', "-o", str(tmp_path / "report")] if options else []
        code, out, err = run(*enrich, *report)
        assert code == 0, err
        assert "combined" in out
    assert "CTCF/TF ChIP-seq\t" in (tmp_path / "report" / "tracks.tsv").read_text()


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--where", 'target == "CTFC"'], 1, "nearest: CTCF"),
        (["--group-by", "targets"], 1, "no column 'targets' in the track table; nearest: target"),
        (["-m", "nothing"], 1, "bundled models: regulome45"),
        (["-o", "x.tsv"], 1, "a matrix is NAME.parquet; for text give -"),
        (["-o", "none/x.parquet"], 1, "no folder none"),
    ],
)
def test_refusals(run, labelled, options, code, says):
    found, _, err = run("query", str(labelled), *options)
    assert found == code
    assert says in err
    assert {path.name for path in labelled.parent.iterdir()} == {"f.parquet"}


def test_a_matrix_is_no_store(run, scored):
    for output in ([], ["-o", "-"]):
        code, _, err = run("query", str(scored / "m.parquet"), *output)
        assert code == 1
        assert "m.parquet: not a feature store" in err
    code, _, err = run("enrich", str(scored / "f.parquet"))
    assert code == 1
    assert "a feature store, of which mfdvep query makes one" in err


def test_options_of_score_that_need_each_other(run, scored):
    score = ["score", str(scored / "in.vcf"), "-f", str(EXAMPLES / "genome.fa")]
    for option in (["--groups", "g.parquet"], ["--group-by", "target"]):
        code, _, err = run(*score, *option)
        assert code == 2
        assert "--group-by and --groups go together" in err
    code, _, err = run(*score, "--labels", "LABEL")
    assert code == 2
    assert "give --matrix, --store-features or --groups" in err
    code, _, err = run(*score, "--store-type", "float16")
    assert code == 2
    assert "--store-type is of --store-features" in err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--group-by", "targe", "--groups", "g.parquet"], "no column 'targe'"),
        (["--quantiles", "--matrix", "m.parquet", "--scale", "logit"], "quantiles of all effects"),
    ],
)
def test_a_check_refuses_what_a_run_would(run, scored, options, says):
    score = ["score", str(scored / "in.vcf"), "-f", str(EXAMPLES / "genome.fa"), "--check", "-q"]
    code, out, _ = run(*score, *options)
    assert code == 1
    assert says in out


def test_the_outputs_of_a_run_are_the_same_with_a_store(run, scored, tmp_path):
    code, _, err = run(
        "score", str(scored / "in.vcf"), "-f", str(EXAMPLES / "genome.fa"), "--shifts", "3",
        "--threads", "1", "--scale", "logit", "-q", "--no-version", "-o", str(tmp_path / "a.vcf"),
    )  # fmt: skip
    assert code == 0, err
    code, _, err = run(
        "score", str(scored / "in.vcf"), "-f", str(EXAMPLES / "genome.fa"), "--shifts", "3",
        "--threads", "1", "--scale", "logit", "-q", "--no-version", "-o", str(tmp_path / "b.vcf"),
        "--store-features", str(tmp_path / "f.parquet"), "--store-type", "float16",
    )  # fmt: skip
    assert code == 0, err
    assert (tmp_path / "a.vcf").read_bytes() == (tmp_path / "b.vcf").read_bytes()
