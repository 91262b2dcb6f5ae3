"""--virtual: tracks of metadata, scored, attributed and explained like any other."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from mfdvep import load_model, read_effects

EXAMPLES = Path(__file__).parents[2] / "examples"
GENOME = ("-f", str(EXAMPLES / "genome.fa"), "--device", "cpu", "-q")
QUICK = ("--shifts", "1", "--strand", "forward")
PANC1 = "target=CTCF,biosample=Panc1"  # which was never done
REGION = ("-r", "chrA:1600-1700")


def score(run, tmp_path, *options: str):
    matrix = tmp_path / "m.parquet"
    code, _, err = run(
        "score", str(EXAMPLES / "variants.vcf.gz"), *GENOME, *QUICK, *REGION,
        "-o", str(tmp_path / "o.vcf"), "--matrix", str(matrix), "--force", *options,
    )  # fmt: skip
    assert (code, err) == (0, "")
    return read_effects(matrix)


def test_a_virtual_track_is_scored_like_any_other(run, tmp_path):
    alone = score(run, tmp_path, "--virtual", PANC1, "--scale", "logit")
    assert alone.tracks.names == ("CTCF/Panc1/virtual",)
    assert alone.tracks["in_training"] == ("no",)
    assert "0 (target 13, biosample 2)" in alone.tracks["virtual"][0]
    text = (tmp_path / "o.vcf").read_text()
    assert "CTCF/Panc1/virtual|" in text
    (line,) = (line for line in text.splitlines() if line.startswith("##mfdvepVirtualTrack="))
    made = alone.tracks["virtual"][0]
    assert line == (f'##mfdvepVirtualTrack=<ID=virtual1,Name="CTCF/Panc1/virtual",Made="{made}">')
    assert alone.provenance["virtual"] == {"CTCF/Panc1/virtual": made}
    among = score(
        run, tmp_path, "--virtual", PANC1, "--where", 'target == "CTCF"', "--scale", "logit"
    )
    assert among.tracks["virtual"][:-1] == ("",) * 13
    np.testing.assert_allclose(among.combined[:, -1:], alone.combined, rtol=1e-5)
    # a track of no laboratory has the mean technical effect of all, on the scale where means are
    every = score(run, tmp_path, "--scale", "logit")
    mean = every.technical.mean(1, dtype=np.float64)
    np.testing.assert_allclose(alone.technical[:, 0], mean, rtol=1e-4, atol=1e-6)


def test_all_metadata_of_a_track_give_its_effects(run, tmp_path):
    tracks = load_model().tracks
    row = tracks.names.index("CTCF/K562/X0253")
    columns = ("target", "biosample", "anatomy", "sample_type", "sex", "assay", "lab", "pipeline",
               "source")  # fmt: skip
    lines = [f"{column} = {tracks[column][row]!r}" for column in columns]
    path = tmp_path / "v.toml"
    path.write_text("\n".join(["[same]", *lines]))
    for scale in ("logit", "probability"):
        found = score(run, tmp_path, "--virtual", str(path), "--tracks", "X0253", "--scale", scale)
        assert found.tracks.names == ("CTCF/K562/X0253", "CTCF/K562/same")
        assert found.tracks["in_training"][1] == "yes"
        for effects in (found.combined, found.biological, found.technical):
            np.testing.assert_allclose(effects[:, 0], effects[:, 1], rtol=2e-5, atol=1e-7)


def test_attribution_and_explanation(run, tmp_path):
    out = tmp_path / "a"
    code, _, err = run(
        "attribute", "--variant", "chrA:1613:G:C", "--virtual", PANC1, *QUICK, *GENOME,
        "--method", "gradient", "-o", str(out),
    )  # fmt: skip
    assert (code, err) == (0, "")
    with open(out / "summary.tsv") as handle:
        found = {(line["target"], line["half"]) for line in csv.DictReader(handle, delimiter="\t")}
    halves = ("combined", "biological", "technical")
    assert found == {("CTCF/Panc1/virtual", half) for half in halves}
    code, told, err = run(
        "explain-variant", "chrA:1613:G:C", "--virtual", PANC1, "-o", str(tmp_path / "e"),
        *QUICK, *GENOME,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "  CTCF/Panc1/virtual" in told  # below the ten of the largest effects, if need be
    page = next((tmp_path / "e").glob("*.html")).read_text()
    assert "CTCF/Panc1/virtual" in page
    assert "the virtual track" in page
    assert "and 1 virtual track." in page


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("target=CTFC", "nearest: CTCF"),
        ("CTCF", "expected column=value"),
        ("missing.toml", "missing.toml: cannot read virtual tracks"),
        ("n_peaks=3", "'n_peaks' is none of the model's metadata"),
    ],
)
def test_refusals(run, tmp_path, text, says):
    code, _, err = run(
        "score", str(EXAMPLES / "variants.vcf.gz"), *GENOME, "-o", str(tmp_path / "o.vcf"),
        "--virtual", text,
    )  # fmt: skip
    assert code == 1
    assert says in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
