"""Sets of real variants; skipped where there is no real data."""

from __future__ import annotations

import pytest
from enrichment.sets.simulated import reconcile

from mfdvep.enrichment.sets.ccres import read_ccres
from mfdvep.enrichment.sets.controls import ControlRules, build_controls
from mfdvep.enrichment.sets.gnomad import GnomadRules, build_gnomad
from mfdvep.genomics.genome import Genome

pytestmark = pytest.mark.realdata


def test_controls_of_whole_blood_eqtls(real_data):
    """465 leads: all on the sequence, none with another REF."""
    name = "gtex.v8.whole_blood.independent_eqtls.on_sequence.tsv.gz"
    with Genome(real_data / "regulome45" / "genome.fa.gz") as genome:
        found = build_controls(real_data / "variants" / name, genome, ControlRules(seed=1))
    reconcile(found)
    positives, controls = found.counts
    assert (positives.n_read, positives.n_kept) == (465, 412)
    assert {reason: n for reason, n in positives.removed.items() if n} == {
        "not an SNV, for which no control is drawn": 38,
        "the same variant again": 15,
    }
    assert controls.n_kept > 405


@pytest.mark.parametrize(("outside", "rare", "common"), [(False, 99, 128), (True, 1360, 2507)])
def test_rare_and_common_of_1000_genomes(real_data, outside, rare, common):
    folder = real_data / "variants"
    rules = GnomadRules(classes=("all",), outside=outside)
    ccres = read_ccres(folder / "ccre.hg38.bed.gz")
    found = build_gnomad([folder / "1000g.chr1.sites.vcf.gz"], ccres, None, rules)
    reconcile(found)
    labels = [variant.label for variant in found.variants]
    assert (labels.count(1), labels.count(0)) == (rare, common)
