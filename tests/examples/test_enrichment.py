"""What examples/README.md says of the labelled variants, with the bundled model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from motifs import MOTIFS

from mfdvep.enrichment.engine import enrich
from mfdvep.enrichment.preparing import EnrichOptions
from mfdvep.genomics.genome import Genome
from mfdvep.model.checkpoint import load_model
from mfdvep.model.selection import select
from mfdvep.scoring.pipeline import score_vcf
from mfdvep.scoring.scorer import Scorer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
README = (EXAMPLES / "README.md").read_text(encoding="utf-8")
MAKEFILE = (EXAMPLES.parent / "Makefile").read_text(encoding="utf-8")
FACTORS = (
    " ".join(MAKEFILE.split("FACTORS := ")[1].split("]")[0].replace("\\\n", " ").split()) + "]"
)
KINDS = ("combined", "biological", "technical")
CUTS = ("0.9", "0.95", "0.99")
COUNTS = ("tagged_positive", "tagged_negative")


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelled")
    with Genome(EXAMPLES / "genome.fa") as genome:
        scorer = Scorer(load_model(), genome, device="cpu")
        matrix = folder / "labelled.parquet"
        score_vcf(
            EXAMPLES / "labelled.vcf.gz", scorer, folder / "o.vcf.gz", matrix=matrix, labels="LABEL"
        )
    return matrix


@pytest.fixture(scope="module")
def of_factors(matrix):
    return enrich(matrix, options=EnrichOptions(where=(FACTORS,), block=3600))


@pytest.fixture(scope="module")
def of_all(matrix):
    return enrich(matrix, options=EnrichOptions(block=3600))


def overall(found, column):
    table = found.overall
    keys = zip(table["cut"], table["kind"], strict=True)
    return dict(zip(keys, table[column], strict=True))


def compared(found, measure, cut):
    """(low, high) of biological against technical."""
    table = found.comparisons
    (row,) = (
        i for i in range(len(table["cut"]))
        if (table["measure"][i], table["cut"][i]) == (measure, cut)
        and (table["first"][i], table["second"][i]) == ("biological", "technical")
    )  # fmt: skip
    return table["low"][row], table["high"][row]


def test_the_readmes_tracks_are_those_of_the_motifs_factors(of_all, of_factors):
    tracks = of_all.track_table
    own = {factor for motif in MOTIFS.values() for factor in motif.factors}
    chosen = select(tracks, where=(FACTORS,))
    assert chosen == [i for i, target in enumerate(tracks["target"]) if target in own]
    assert (len(tracks), len(chosen)) == (442, 106)
    assert of_factors.settings["n_tracks"] == len(chosen)


def test_every_variant_is_scored_and_in_its_group(of_all):
    counts = of_all.counts
    assert (counts["used"], counts["positives"], counts["negatives"]) == (636, 159, 477)
    assert (counts["strata"], counts["unmatched"]) == (159, 0)


def test_counts_are_those_of_the_readme(of_all, of_factors):
    """Within 2 variants: one that lies at a quantile may fall to either side on another machine."""
    for found, name in ((of_factors, "factors (106)"), (of_all, "all 442")):
        up, down = (overall(found, column) for column in COUNTS)
        for cut in CUTS:
            (line,) = (x for x in README.splitlines() if x.startswith(f"| {name} | {cut[1:]} |"))
            for kind, cell in zip(KINDS, line.strip("| ").split(" | ")[2:], strict=True):
                said = [int(n) for n in cell.split("; ")[1].split(" / ")]
                assert said == pytest.approx([up[cut, kind], down[cut, kind]], abs=2)


def test_variants_that_break_a_motif_are_enriched(of_all, of_factors):
    for found in (of_all, of_factors):
        for column in ("haldane_low", "conditional_low", "bootstrap_low", "matched_low"):
            assert min(overall(found, column).values()) > 2


def test_technical_is_lowest_on_the_factors_tracks(of_factors):
    for cut in CUTS[:2]:
        for column in ("odds_ratio", "haldane", "conditional", "matched"):
            values = overall(of_factors, column)
            assert values[cut, "technical"] < min(values[cut, kind] for kind in KINDS[:2])
        assert compared(of_factors, "odds_ratio", cut)[0] > 1
    assert compared(of_factors, "auroc", "")[0] > 0
    low, high = compared(of_factors, "odds_ratio", "0.99")
    assert low < 1 < high


def test_technical_is_lowest_track_by_track(of_all):
    table = of_all.cuts
    cut, kind = np.array(table["cut"]), np.array(table["kind"])
    for at in CUTS:
        means = [np.nanmean(table["haldane"][(cut == at) & (kind == name)]) for name in KINDS]
        assert means[2] < min(means[:2])
    for at in CUTS[:2]:
        assert compared(of_all, "mean_odds_ratio", at)[0] > 1
    auroc = dict(zip(of_all.summary["kind"], of_all.summary["auroc"], strict=True))
    assert auroc["technical"] < min(auroc[name] for name in KINDS[:2])


def test_the_union_over_all_tracks_does_not_tell_the_types_apart(of_all):
    for cut in CUTS:
        low, high = compared(of_all, "odds_ratio", cut)
        assert low < 1 < high
