"""train/simulate_expression.py: the same bytes for a seed, the planted rule, and a folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import simulate_expression as simulation
from click.testing import CliRunner

from mfdvep.expression.genes import read_tss


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_bytes_for_a_seed(tmp_path):
    written = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        options = ["-o", str(tmp_path / name), "--seed", str(seed), "--genes", "120"]
        done = CliRunner().invoke(simulation.main, options)
        assert done.exit_code == 0, done.output
        written.append(files(tmp_path / name))
    assert written[0] == written[1]
    assert written[0] != written[2]
    assert len(written[0]) == 5 + 10
    done = CliRunner().invoke(simulation.main, ["-o", str(tmp_path / "a")])
    assert done.exit_code == 1
    assert "holds a simulation already" in done.output


def test_half_of_the_genes_of_a_contig_are_high_and_each_cause_is_there():
    made = simulation.simulate(genes=240)
    for cell in range(2):
        high = Counter(np.array(made.chroms)[made.is_high[cell]].tolist())
        assert high == {f"sim{i}": 20 for i in range(1, 7)}
        assert set(made.causes[cell].tolist()) == set(simulation.CAUSES)
        assert made.expression[cell][made.is_high[cell]].min() > 4
        assert made.expression[cell][~made.is_high[cell]].max() < 2
    assert set(made.strands) == {"+", "-"}
    assert (made.causes[0] != made.causes[1]).any()


def test_a_peak_of_h3k4me3_is_downstream_of_high_genes_and_upstream_of_those_said():
    made = simulation.simulate(genes=120)
    for c, cell in enumerate(simulation.CELLS):
        peaks = made.peaks[cell, "H3K4me3"]
        for i, cause in enumerate(made.causes[c]):
            sign = 1 if made.strands[i] == "+" else -1
            middles = [
                sign * ((a + b) / 2 - int(made.tss[i]))
                for chrom, a, b, _ in peaks
                if chrom == made.chroms[i] and abs((a + b) / 2 - int(made.tss[i])) < 3_000
            ]
            expected = {"active": [800], "repressed": [800], "upstream": [-800], "none": []}
            assert middles == pytest.approx(expected[cause], abs=60)


def test_the_gtf_and_the_table_have_the_same_genes(tmp_path):
    simulation.write_simulation(simulation.simulate(genes=120), tmp_path)
    assert read_tss(tmp_path / "genes.gtf") == read_tss(tmp_path / "genes.tsv")


def test_a_number_of_genes_that_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match="multiple of 12"):
        simulation.simulate(genes=125)
