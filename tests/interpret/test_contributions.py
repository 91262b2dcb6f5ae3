"""What is written of attributions: Parquet, NPZ, bedGraph, figures, and what is counted."""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import random_bases, write_fasta
from interpret.toy import planted, toy_model
from matplotlib.colors import to_rgb
from matplotlib.patches import PathPatch

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.genome import Genome
from mfdvep.interpret.contributions.bedgraph import file_names
from mfdvep.interpret.contributions.figures import draw
from mfdvep.interpret.contributions.output import check, write
from mfdvep.interpret.contributions.plots import LETTER_COLOURS, logo_figure, panel_of
from mfdvep.interpret.contributions.running import Settings, halves_of, run
from mfdvep.interpret.sequences import Site, Sites
from mfdvep.interpret.targets import direct_target, track_target

BASES = random_bases(3000, seed=8)
ALT = "ACGT"["CGTA".index(BASES[1500])]
VARIANT = f"chr1:1501:{BASES[1500]}:{ALT}"


@pytest.fixture
def genome(tmp_path):
    with Genome(write_fasta(tmp_path / "g.fa", {"chr1": BASES})) as opened:
        yield opened


@pytest.fixture
def targets(small_model):
    wanted = [track_target(small_model, 0), direct_target(small_model, "CTCF")]
    return halves_of(wanted, "all")


def chunks(model, genome, targets, method="gradient", **places):
    settings = Settings(method, (-1, 0, 1), flank=5, device="cpu")
    sites = Sites(settings.shifts, genome=genome).read(**places)
    return settings, run(model, sites, targets, settings)


def test_halves(small_model):
    track, ctcf = track_target(small_model, 0), direct_target(small_model, "CTCF")
    found = halves_of([track, ctcf], "all")
    assert [target.which for target in found] == [
        "combined",
        "biological",
        "technical",
        "biological",
    ]
    assert [target.which for target in halves_of([ctcf], "combined")] == ["combined"]
    with pytest.raises(InputError, match="target=CTCF has no technical half"):
        halves_of([ctcf], "technical")


def test_parquet(small_model, genome, targets, tmp_path):
    bed = tmp_path / "a.bed"
    bed.write_text("chr1\t100\t200\tfirst\nchr7\t1\t2\nchr1\t1000\t1010\n")
    settings, found = chunks(small_model, genome, targets, beds=[bed], variants=[VARIANT])
    summary = write(found, tmp_path / "s.parquet", settings, about={"model": "small"})
    assert dict(summary.status) == {"OK": 4, "CONTIG_MISSING": 1}
    table = pq.read_table(tmp_path / "s.parquet")
    assert json.loads(table.schema.metadata[b"mfdvep"]) == {"model": "small"}
    rows = table.to_pylist()
    assert len(rows) == 4 * len(targets) + 1
    lost = next(row for row in rows if row["status"] != "OK")
    assert (lost["chrom"], lost["scores"], lost["target"]) == ("chr7", None, None)
    for row in rows:
        if row["status"] == "OK" and row["allele"] != "ALT":
            kept = [i for i in range(1155) if 0 <= row["start"] + i < 3000]
            assert (
                row["sequence"][kept[0] : kept[-1] + 1]
                == BASES[row["start"] + kept[0] : row["start"] + kept[-1] + 1]
            )
    first = {row["half"]: np.array(row["scores"]) for row in rows if row["name"] == "first"
             and row["target"] == targets[0].name}  # fmt: skip
    assert np.allclose(first["combined"], first["biological"] + first["technical"], atol=1e-5)
    assert rows[0]["delta"] is None  # of gradient x input


def test_npz(small_model, genome, targets, tmp_path):
    settings, found = chunks(small_model, genome, targets, "ism", variants=[VARIANT])
    write(found, tmp_path / "s.npz", settings, about={})
    with np.load(tmp_path / "s.npz") as arrays:
        assert arrays["effects"].shape == (2, len(targets), 11, 4)
        assert arrays["allele"].tolist() == ["REF", "ALT"]
        assert arrays["target"].tolist() == [target.name for target in targets]
        assert (arrays["positions"][0, 577], arrays["first"]) == (1500, 572)
        # REF to ALT, and back
        there, back = arrays["effects"][:, :, 5]
    by = there[:, "ACGT".index(ALT)]
    assert np.allclose(by, -back[:, "ACGT".index(BASES[1500])], atol=1e-5)
    assert np.abs(by).max() > 1e-3


def test_npz_of_nothing_that_is_ok(small_model, genome, targets, tmp_path):
    bed = tmp_path / "a.bed"
    bed.write_text("chr7\t1\t2\n")
    settings, found = chunks(small_model, genome, targets, beds=[bed])
    assert dict(write(found, tmp_path / "s.npz", settings, about={}).status) == {
        "CONTIG_MISSING": 1
    }
    with np.load(tmp_path / "s.npz") as arrays:
        assert arrays["scores"].shape == (0, len(targets), 1155)


def read_bedgraph(path):
    first, *lines = path.read_text().splitlines()
    assert first.startswith("track type=bedGraph name=")
    fields = [line.split("\t") for line in lines]
    return {(chrom, int(start)): float(score) for chrom, start, end, score in fields
            if int(end) == int(start) + 1}  # fmt: skip


def test_bedgraph_is_the_mean_where_regions_overlap(small_model, genome, targets, tmp_path):
    regions = ["chr1:1500-1500", "chr1:1600-1600"]
    settings, found = chunks(small_model, genome, targets[:1], regions=regions)
    some = list(found)
    write(some, tmp_path / "out", settings, about={}, n_figures=0)
    (path,) = (tmp_path / "out" / "bedgraph").iterdir()
    graph = read_bedgraph(path)
    assert list(graph) == sorted(graph)
    scores = some[0].found.scores[:, 0]
    sites = some[0].sites
    for place in (1000, 1499, 1550, 2150):
        at = [np.flatnonzero(site.positions == place) for site in sites]
        values = [row[i[0]] for row, i in zip(scores, at, strict=True) if len(i)]
        assert graph["chr1", place] == pytest.approx(np.mean(values), rel=1e-4)
    assert not (tmp_path / "out" / "figures").exists()


def test_a_folder_of_a_variant(small_model, genome, targets, tmp_path):
    settings, found = chunks(small_model, genome, targets, "ism", variants=[VARIANT])
    summary = write(found, tmp_path / "out", settings, about={"a": 1})
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"scores.parquet", "summary.tsv", "settings.json", "bedgraph", "figures"}
    assert summary.figures == 2
    assert len(list((tmp_path / "out" / "figures").glob("*.svg"))) == 2
    with open(tmp_path / "out" / "summary.tsv") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    assert [row["allele"] for row in rows] == ["REF"] * 4 + ["ALT"] * 4
    assert rows[3]["unit"] == "SD"
    assert all(1496 <= int(row["largest_at"]) <= 1506 for row in rows)
    # REF alone has a place on the genome
    graph = read_bedgraph(next(iter(sorted((tmp_path / "out" / "bedgraph").iterdir()))))
    assert {place for _, place in graph} <= set(range(1495, 1506))


def test_logos_have_the_halves_as_rows_and_the_alleles_as_columns(small_model, genome, targets):
    settings, found = chunks(small_model, genome, targets, variants=[VARIANT])
    (chunk,) = found
    labels, figures = zip(*draw(chunk, settings, flank=10), strict=True)
    assert labels == (f"{VARIANT} {targets[0].name}", f"{VARIANT} target=CTCF")
    axes = figures[0].axes
    assert len(axes) == 4
    assert [a.get_title() for a in axes] == [f"REF {BASES[1500]}", f"ALT {ALT}", "", ""]
    assert axes[0].get_ylabel().startswith("biological\n(log-odds")
    assert axes[2].get_ylabel().startswith("technical")
    assert len({a.get_ylim() for a in axes}) == 1
    assert axes[0].get_xlim() == (-0.5, 20.5)
    assert len(figures[1].axes) == 2
    assert figures[1].axes[0].get_ylabel() == "biological\n(SD)"


def test_a_letter_is_as_high_as_its_score(small_model, genome, targets):
    _, found = chunks(small_model, genome, targets, regions=["chr1:1501-1501"])
    (chunk,) = found
    scores = chunk.found.scores[0, 0]
    panel = panel_of(chunk.sites[0], {"combined": scores}, centre=577, flank=4)
    figure = logo_figure([panel], title="t", unit="log-odds")
    drawn = [patch for patch in figure.axes[0].patches if isinstance(patch, PathPatch)]
    transform = figure.axes[0].transData.inverted()
    letters = {}
    for patch in drawn:
        box = patch.get_extents()
        (x0, y0), (x1, y1) = transform.transform([(box.x0, box.y0), (box.x1, box.y1)])
        letters[round((x0 + x1) / 2)] = (y0, y1, patch.get_facecolor()[:3])
    for i, (score, base) in enumerate(zip(scores[573:582], BASES[1496:1505], strict=True)):
        low, high, colour = letters[i]
        assert (min(score, 0), max(score, 0)) == pytest.approx(
            (low, high), abs=1e-3 * float(abs(scores).max())
        )
        assert colour == pytest.approx(to_rgb(LETTER_COLOURS[base]), abs=1e-3)


def test_a_logo_of_a_long_region_shows_its_largest_scores():
    model = toy_model(linear=True)
    target = direct_target(model, model.biological.direct_names[0])
    codes = planted(610, None, n=1155)[0]
    site = Site("r", "", "chr1", codes, np.arange(1155) + 100, (400, 800))
    settings = Settings("gradient", (-1, 0, 1), strand="forward", device="cpu")
    (chunk,) = run(model, [site], [target.half("biological")], settings)
    ((_, figure),) = draw(chunk, settings, flank=10)
    letters = [patch for patch in figure.axes[0].patches if isinstance(patch, PathPatch)]
    assert len(letters) > 5
    assert figure.axes[0].get_xlim() == (-0.5, 20.5)
    shown = {int(text.get_text()) for text in figure.axes[0].get_xticklabels()}
    assert any(711 <= place <= 717 for place in shown)


def test_an_earlier_folder_is_not_replaced_by_chance(small_model, genome, targets, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="--force"):
        check(tmp_path / "out", [])
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match="--force replaces only a folder with"):
        check(tmp_path / "out", [], force=True)


def test_file_names():
    found = file_names(["CTCF/K562 biological", "ctcf_k562 biological", "a" * 200, "//", "a: 'b'"])
    assert found == ["CTCF_K562_biological", "ctcf_k562_biological_2", "a" * 80, "_", "a_b"]


def test_ref_and_alt_are_never_apart(small_model, genome, targets):
    # three regions before two variants: the fourth site is a REF
    ref = genome.fetch("chr1", 1000, 1001)[0]
    variants = [f"chr1:1001:{'ACGT'[ref]}:{alt}" for alt in "ACGT" if "ACGT"[ref] != alt][:2]
    regions = [f"chr1:{n}-{n + 20}" for n in (900, 1200, 1500)]
    _, found = chunks(small_model, genome, targets, regions=regions, variants=variants)
    for chunk in found:
        alleles = [site.allele for site in chunk.sites]
        assert alleles.count("REF") == alleles.count("ALT")
