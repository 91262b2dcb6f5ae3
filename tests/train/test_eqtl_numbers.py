"""Agreement of effects with eQTLs, on tables with known answers."""

from __future__ import annotations

import gzip
import json

import eqtl_numbers
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from eqtl_numbers import below, mcnemar, measure, read_eqtls, signs

from mfdvep.errors import InputError
from mfdvep.expression.genes import read_tss


def test_signs_are_those_of_a_binomial():
    slope = np.array([1.0, -1, 1, -1, 1, 1, 1, 1, 1, 1])
    found = signs(slope * 0.1, slope)
    assert (found["n"], found["agree"], found["share"], found["high"]) == (10, 10, 1, 1)
    assert found["p"] == pytest.approx(2 / 2**10)
    assert found["low"] == pytest.approx(0.025 ** (1 / 10))  # Clopper and Pearson
    part = signs(np.where(np.arange(10) < 4, 0, slope), slope)
    assert (part["n"], part["zero"], part["agree"]) == (6, 4, 6)
    none = signs(np.zeros(10), slope)
    assert (none["n"], none["zero"], none["share"], none["p"]) == (0, 10, None, None)


def test_mcnemar_counts_where_the_two_differ():
    slope = np.array([1.0, 1, 1, 1, -1])
    first, second = np.array([1.0, 1, 1, -1, 1]), np.array([1.0, -1, -1, 1, 1])
    found = mcnemar(first, second, slope)
    assert (found["only"], found["other_only"]) == (2, 1)
    assert found["p"] == 1
    assert mcnemar(first, first, slope) == {"n": 5, "only": 0, "other_only": 0, "p": 1.0}
    assert mcnemar(first, second * [0, 1, 1, 1, 1], slope)["only"] == 2
    assert mcnemar(first, second * [1, 0, 1, 1, 1], slope)["only"] == 1


def test_below_counts_ties_by_half():
    assert below(2, np.array([1.0, 2, 3, 2])) == 0.5


def made(n: int = 40):
    """Return inputs of `measure`: combined has the slope's sign, technical the other, and is 1.

    Controls of combined are smaller but for every tenth, those of technical are equal.
    """
    rng = np.random.default_rng(0)
    eqtls, positives, controls, effects = {}, {}, {}, {}
    for i in range(n):
        key, gene, slope = ("chr20" if i % 2 else "chr1", i, "A", "C"), f"G{i}", rng.choice([-1, 1])
        eqtls[key, gene] = (float(slope), 100)
        row = np.array([2 * slope, 0.0, -slope, slope * (1 if i % 4 else -1)], dtype=float)
        positives[key] = {gene: (100, np.tile(row[:, None], 2)), "other": (5, np.zeros((4, 2)))}
        name = "_".join(map(str, key))
        controls[name] = [(key[0], 1000 * (i + 1) + j, "A", "C") for j in range(10)]
        for j, control in enumerate(controls[name]):
            own = np.array([3.0 if j == 0 else 1.0, 0.0, 1.0, 0.5])
            effects[control] = {gene: (50 if j < 5 else 200, np.tile(own[:, None], 2))}
    return eqtls, positives, {"near": (controls, effects)}


def test_signs_and_areas_of_a_known_rule():
    found = measure(*made())
    assert (found["pairs"], found["variants"], found["genes"]) == (40, 40, 40)
    for cell in ("GM12878", "K562", "mean"):
        shares = {name: row["share"] for name, row in found["signs"][cell].items()}
        assert shares == {
            "combined": 1, "biological": None, "technical": 0, "h3k4me3_combined": 0.75,
            "combined, larger half": 1,
        }  # fmt: skip
        assert found["mcnemar"][cell]["combined"]["only"] == 10
        area = found["areas"]["near"][cell]
        assert (area["n"], area["genes"], area["controls"]) == (40, 40, 400)
        values = {name: row[0] for name, row in area["areas"].items()}
        assert values["combined"] == pytest.approx(0.9)
        assert values["biological"] == values["technical"] == 0.5
        assert values["h3k4me3_combined"] == 1
        assert values["distance"] == 0.5
        assert values["combined - h3k4me3_combined"] == pytest.approx(-0.1)


def test_one_contig_alone_and_none():
    assert measure(*made(), chroms=["chr20"])["pairs"] == 20
    assert measure(*made(), within=100)["pairs"] == 40
    with pytest.raises(InputError, match="no eQTL is in reach"):
        measure(*made(), within=99)
    with pytest.raises(InputError, match="no eQTL is in reach of its own gene"):
        measure(*made(), chroms=["chr3"])


def test_cells_are_averaged_before_the_sign():
    eqtls, positives, controls = made(2)
    for genes in positives.values():
        for _, values in genes.values():
            values[0] *= [1, -3]
    found = measure(eqtls, positives, controls)["signs"]
    assert [found[cell]["combined"]["share"] for cell in ("GM12878", "K562", "mean")] == [1, 0, 0]


@pytest.fixture
def folder(tmp_path):
    rows = ["chrom\tpos\tref\talt\tgene_id\ttss_distance\tslope"]
    rows += [f"chr20\t{1000 + 100 * i}\tA\tC\tENSG{i % 2}.3\t{100 * i}\t{(-1) ** i}.5"
             for i in range(60)]  # fmt: skip
    (tmp_path / "eqtls.tsv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    (tmp_path / "genes.tsv").write_text(
        "chrom\ttss\tstrand\tgene_id\nchr20\t999\t+\tENSG0\nchr20\t90000\t-\tENSG1\n"
    )
    return tmp_path


def test_the_journey(folder):
    vcf, genes = folder / "eqtls.vcf", folder / "own.tsv"
    given = ["choose", f"{folder}/eqtls.tsv.gz", "--genes", f"{folder}/genes.tsv"]
    done = CliRunner().invoke(
        eqtl_numbers.main, [*given, "-o", str(vcf), "--own-genes", str(genes)]
    )
    assert done.exit_code == 0, done.output
    assert "60 eQTLs; 60 of genes on the sequence; 28 within 5526 bases" in done.output
    assert [gene.id for gene in read_tss(genes)] == ["ENSG0"]
    lines = [line.split("\t") for line in vcf.read_text().splitlines() if line[0] != "#"]
    assert len(lines) == 28

    def table(path, places):
        n = len(places)
        pq.write_table(
            pa.table(
                {
                    "chrom": ["chr20"] * 2 * n, "pos": [at for at, _ in places] * 2,
                    "ref": ["A"] * 2 * n, "alt": ["C"] * 2 * n, "gene_id": ["ENSG0"] * 2 * n,
                    "distance": [at - 1000 for at, _ in places] * 2,
                    "cell": ["GM12878"] * n + ["K562"] * n,
                    **{name: [value for _, value in places] * 2 for name in eqtl_numbers.SCORES},
                }
            ),
            path,
        )  # fmt: skip

    table(folder / "eqtls.parquet", [(int(line[1]), 0.5) for line in lines])
    table(folder / "near.parquet", [(int(line[1]) + 3, 0.1) for line in lines])
    header = ["##fileformat=VCFv4.3", "##contig=<ID=chr20>",
              '##INFO=<ID=LABEL,Number=A,Type=Integer,Description="x">',
              '##INFO=<ID=MATCH,Number=.,Type=String,Description="x">',
              "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]  # fmt: skip
    body = [f"chr20\t{int(at) + 3}\t.\tA\tC\t.\t.\tLABEL=0;MATCH=chr20_{at}_A_C"
            for _, at, *_ in lines]  # fmt: skip
    (folder / "near.vcf").write_text("\n".join(header + body) + "\n")
    done = CliRunner().invoke(
        eqtl_numbers.main,
        ["measure", f"{folder}/eqtls.tsv.gz", f"{folder}/eqtls.parquet", "--controls", "near",
         f"{folder}/near.vcf", f"{folder}/near.parquet", "-o", f"{folder}/n.json",
         "--figure", f"{folder}/n.png"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    numbers = json.loads((folder / "n.json").read_text())
    assert numbers["all"] == numbers["chr20"]
    assert numbers["all"]["signs"]["mean"]["combined"]["share"] == 1  # even rows: slope is +
    assert numbers["all"]["areas"]["near"]["mean"]["areas"]["combined"][0] == 1
    assert (folder / "n.png").stat().st_size > 1000


def test_eqtls_are_read_by_variant_and_gene(folder):
    found = read_eqtls(folder / "eqtls.tsv.gz")
    assert found[("chr20", 1100, "A", "C"), "ENSG1"] == (-1.5, 100)
