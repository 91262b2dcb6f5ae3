"""The run's record and the MultiQC record: what they say, and that they are JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from conftest import SMALL_TRACKS

from mfdvep.genomics.variants import Variant, VariantStatus
from mfdvep.scoring.effects import KINDS, EffectBatch
from mfdvep.scoring.report import QUANTILES, multiqc, run_record
from mfdvep.scoring.tally import QUANTILE_ERROR, Tally


def tally_of(*status: str, first: int = 0, contig: str = "1") -> Tally:
    """Return the tally of records whose combined effects are 1, 2, ... on the last track."""
    states = tuple(VariantStatus(name) for name in status)
    effects = np.zeros((3, len(status), 5), dtype=np.float32)
    effects[0, :, 4] = np.arange(1, len(status) + 1)
    effects[:, [state is not VariantStatus.OK for state in states]] = np.nan
    variants = tuple(Variant(contig, 1, "A", "C", first + i, 1) for i in range(len(status)))
    batch = EffectBatch(variants, states, *effects, tracks=SMALL_TRACKS)
    return Tally.of(batch, n_records=len(status), contigs={contig: f"chr{contig}"})


def test_stats():
    tally = tally_of("OK", "OK", "STAR", "NO_ALT", "OK")
    found = run_record(tally, provenance={"scale": "logit"}, timing={"seconds": 1.5})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["records"], found["alleles"], found["unscored"]) == (5, 5, 1)
    assert sum(found["status"].values()) == found["alleles"]
    assert found["status"]["REF_MISMATCH"] == 0
    assert found["contigs"] == {"1": "chr1"}
    assert (found["provenance"], found["timing"]) == ({"scale": "logit"}, {"seconds": 1.5})
    assert list(found["effects"]) == list(KINDS)
    effects, largest = (found["effects"]["combined"][name] for name in ("effects", "largest"))
    assert (effects["n"], largest["n"]) == (15, 3)
    assert list(largest["quantiles"]) == list(QUANTILES)
    assert effects["quantiles"]["0.75"] == 0
    values = [largest["quantiles"][q] for q in ("0.25", "0.5", "0.999")]
    assert values == pytest.approx([1, 2, 5], rel=QUANTILE_ERROR)
    assert found["effects"]["technical"]["effects"]["quantiles"]["0.999"] == 0
    assert {name: part["n"] for name, part in found["technical_share"].items()} == {
        "effects": 0,  # both halves are 0
        "alleles": 0,
    }
    assert [allele["combined"] for allele in found["top"]] == [5, 2, 1]
    assert found["top"][0]["track"] == SMALL_TRACKS.names[4]
    assert "0.4%" in found["quantile_error"]


@pytest.mark.parametrize("tally", [Tally.empty(), tally_of("STAR", "STAR")], ids=["none", "star"])
def test_stats_of_nothing_scored(tally):
    found = run_record(tally, provenance={}, timing={})
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["unscored"] == found["alleles"] == found["records"]
    nothing = {"n": 0, "quantiles": dict.fromkeys(QUANTILES)}
    expected = {kind: {"effects": nothing, "largest": nothing} for kind in KINDS}
    assert found["effects"] == expected
    assert found["technical_share"] == {"effects": nothing, "alleles": nothing}
    assert found["top"] == []


def test_stats_of_technical_shares():
    """Of three alleles on one track: .25, .5 and 1."""
    effects = np.zeros((3, 3, 5), dtype=np.float32)
    effects[1, :, 2], effects[2, :, 2] = (3, 2, 0), (-1, 2, 4)
    variants = tuple(Variant("1", 1, "A", "C", i, 1) for i in range(3))
    batch = EffectBatch(variants, (VariantStatus.OK,) * 3, *effects, tracks=SMALL_TRACKS)
    tally = Tally.of(batch, n_records=3, contigs={})
    found = run_record(tally, provenance={}, timing=None)["technical_share"]
    for share in found.values():
        assert share["n"] == 3
        values = [share["quantiles"][q] for q in ("0.25", "0.5", "0.999")]
        assert values == pytest.approx([0.25, 0.5, 1], rel=QUANTILE_ERROR)


def test_stats_do_not_depend_on_the_order_of_merging():
    one, other = tally_of("OK", "STAR", contig="2"), tally_of("OK", first=2, contig="1")
    texts = {
        json.dumps(run_record(tally, provenance={}, timing={}))
        for tally in (one.merge(other), other.merge(one))
    }
    assert len(texts) == 1


@pytest.mark.parametrize("tally", [Tally.empty(), tally_of("OK", "STAR", "STAR")])
def test_multiqc(tally):
    found = multiqc(tally, sample="a.vcf.gz")
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    required = {"id", "section_name", "description", "plot_type", "pconfig", "categories", "data"}
    assert set(found) == required
    assert found["plot_type"] == "bargraph"
    assert set(found["pconfig"]) == {"id", "title", "ylab"}
    assert found["id"] != found["pconfig"]["id"]  # both are anchors in the report's page
    assert found["categories"] == [status.value for status in VariantStatus]
    assert found["data"] == {"a.vcf.gz": tally.status}
