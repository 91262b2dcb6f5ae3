"""Lifting genes by peaks of the same experiments in both assemblies, on simulated peaks."""

from __future__ import annotations

import gzip

import lift_genes
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import random_bases, write_fasta
from lift_genes import Anchors, find_anchors, lift, pair_peaks, place_of

from mfdvep.expression.genes import Tss, read_tss
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import reverse_complement

BREAK = 400_000  # in GRCh37: 37 bases came in there
LENGTH = 900_000


def moved(at: np.ndarray) -> np.ndarray:
    """Return where places of the simulated GRCh37 lie in the simulated GRCh38."""
    return at + 1000 + 37 * (at >= BREAK)


def peaks(n: int = 300, seed: int = 0) -> np.ndarray:
    """Return peaks (n, 2) of lengths that repeat, none across the break."""
    rng = np.random.default_rng(seed)
    start = np.sort(rng.integers(10_000, LENGTH - 30_000, n))
    found = np.stack([start, start + rng.integers(200, 500, n)], axis=1)
    return found[~((found[:, 0] <= BREAK) & (found[:, 1] >= BREAK))]


def anchors(n: int = 300, *, lost: float = 0.3) -> Anchors:
    """Return the anchors of peaks of which some are not in the other assembly."""
    before = peaks(n)
    kept = np.random.default_rng(9).random(len(before)) > lost
    after = np.stack([moved(before[kept, 0]), moved(before[kept, 0]) + np.ptp(before[kept], 1)], 1)
    return find_anchors(pair_peaks(before, after[np.random.default_rng(3).permutation(len(after))]))


def test_pairs_are_all_of_one_length():
    before = np.array([[0, 10], [50, 60], [100, 120]])
    after = np.array([[5, 15], [105, 125], [300, 301]])
    assert pair_peaks(before, after).tolist() == [[0, 10, 5], [50, 60, -45], [100, 120, 5]]
    assert pair_peaks(before, after[:0]).shape == (0, 3)


def test_anchors_are_the_true_offsets_alone():
    found = anchors()
    assert len(found.start) > 150
    assert (found.offset == moved(found.start) - found.start).all()
    assert (np.diff(found.start) > 0).all()


def test_chance_gives_no_anchor():
    found = find_anchors(pair_peaks(peaks(seed=1), peaks(seed=2)))
    assert len(found.start) == 0


def test_one_pair_among_others_is_left_out():
    pairs = [[1000 * i, 1000 * i + 10, 7] for i in range(10)]
    odd = [[1000 * i + 4_500, 1000 * i + 4_520, 99] for i in (0, 800, 900)]
    pairs[5] = odd[0]
    found = find_anchors(np.array(pairs + odd[1:]))
    assert 4_500 not in found.start.tolist()
    assert len(found.start) == 11


def test_places_are_lifted_to_the_base_but_near_the_break():
    found = anchors()
    at = np.arange(20_000, LENGTH - 60_000, 501)
    lifted = [lift(int(place), found) for place in at]
    known = np.array([place is not None for place, _ in lifted])
    assert known.mean() > 0.95
    truth = moved(at)
    assert all(place == t for (place, _), t in zip(lifted, truth, strict=True) if place is not None)
    whys = {why for place, why in lifted if place is None}
    assert whys == {"offsets on both sides differ"}
    assert np.abs(at[~known] - BREAK).max() < 30_000


def test_what_no_pair_is_near_to():
    found = Anchors(np.array([100_000]), np.array([100_500]), np.array([3]))
    assert lift(100_200, found) == (100_203, "lifted")
    assert lift(90_000, found) == (90_003, "lifted")
    assert lift(79_000, found) == (None, "no pair of peaks near")
    assert lift(120_499, found) == (120_502, "lifted")
    assert lift(130_000, found) == (None, "no pair of peaks near")
    none = np.empty(0, np.int64)
    assert lift(5, Anchors(none, none, none)) == (None, "no pair of peaks near")


def test_a_slack_of_a_tenth_of_a_bin():
    ends = np.array([1000, 9000])
    near = Anchors(ends, ends + 100, np.array([5, 15]))
    assert lift(3000, near) == (3005, "lifted")
    assert lift(8000, near) == (8015, "lifted")
    far = Anchors(ends, ends + 100, np.array([5, 16]))
    assert lift(3000, far) == (None, "offsets on both sides differ")


def test_names_of_contigs():
    assert place_of("chr20") == ("chr20", 0)
    assert place_of("chrX_132299877_132430949") == ("chrX", 132299877)


def test_genes_get_a_contig_that_has_all_their_bins():
    found = anchors()
    genes = [Tss(str(at), "", "chr2", at, "-") for at in (200_000, 204_000, 600_000)]
    genes.append(Tss("x", "", "chr9", 5, "+"))
    contigs = {"chr2_195000_206100": 11_100, "chr2_590000_700000": 110_000}
    lifted, counts = lift_genes.lift_genes(genes, {"chr2": found}, contigs)
    assert [(gene.id, gene.chrom, gene.tss) for _, gene in lifted] == [
        ("200000", "chr2_195000_206100", 6000),
        ("600000", "chr2_590000_700000", 11_037),
    ]
    assert counts == {
        "lifted": 2,
        "lifted, but 5 kb on both sides are not on the sequence": 1,
        "chromosome not on the sequence": 1,
    }


@pytest.fixture
def data(tmp_path):
    """A folder laid out as the real one, with one experiment on one window."""
    for name in ("expression/marks", "regulome45/peaks", "variants"):
        (tmp_path / name).mkdir(parents=True)
    window, first = "chr20_1000_901000", 1000
    before = peaks()
    after = np.stack([moved(before[:, 0]), moved(before[:, 0]) + np.ptp(before, 1)], 1) - first
    for path, rows, chrom in (
        ("expression/marks/A.H3K4me1.hg19.bed.gz", before, "chr20"),
        ("regulome45/peaks/X1.bed.gz", after, window),
    ):
        text = "".join(f"{chrom}\t{start}\t{end}\t1\n" for start, end in rows)
        (tmp_path / path).write_bytes(gzip.compress(text.encode()))
    (tmp_path / "regulome45/experiments.tsv").write_text(
        "experiment\tpeaks\tassay\ttarget\tbiosample\n"
        "X1\tpeaks/X1.bed.gz\tHistone ChIP-seq\tH3K4me1\tA\n"
    )
    import pysam

    plain = write_fasta(tmp_path / "genome.fa", {window: random_bases(900_000, 1)})
    packed = str(tmp_path / "regulome45/genome.fa.gz")
    pysam.tabix_compress(str(plain), packed)
    pysam.faidx(packed)
    (tmp_path / "expression/genes.hg19.tsv.gz").write_bytes(gzip.compress(
        b"chrom\ttss\tstrand\tgene_id\tgene_name\nchr20\t500000\t+\tENSG1\tONE\n"
        b"chr20\t700000\t-\tENSG2\tTWO\nchr3\t5\t+\tENSG3\tTHREE\n"
    ))  # fmt: skip
    (tmp_path / lift_genes.GTEX).write_bytes(gzip.compress(
        b"pos\tgene_id\ttss_distance\n501100\tENSG1.4\t62\n701000\tENSG2.1\t0\n9\tENSG9.1\t1\n"
    ))  # fmt: skip
    return tmp_path


def test_the_command_writes_the_table(data, tmp_path):
    output = tmp_path / "genes.tsv"
    done = CliRunner().invoke(lift_genes.main, [str(data), "-o", str(output)])
    assert done.exit_code == 0, done.output
    genes = read_tss(output)
    assert [(gene.name, gene.tss) for gene in genes] == [("ONE", 500_037), ("TWO", 700_037)]
    assert output.read_text().splitlines()[1].split("\t")[5:] == ["chr20", "500000", "train"]
    assert "2  lifted" in done.output
    assert "1  chromosome not on the sequence" in done.output
    # true places are 501,037 and 701,037; GTEx's, 0-based, 501,037 and 700,999
    assert "2 in both, 1 within 0, 1 within 10, 2 within 100, 2 within 1000" in done.output
    again = CliRunner().invoke(lift_genes.main, [str(data), "-o", str(output)])
    assert again.exit_code == 1
    assert "exists" in again.output


@pytest.mark.realdata
def test_real_start_sites_are_lifted_to_the_base(real_data, tmp_path):
    output = tmp_path / "genes.tsv"
    done = CliRunner().invoke(lift_genes.main, [str(real_data), "-o", str(output)])
    assert done.exit_code == 0, done.output
    genes = read_tss(output)
    assert len(genes) == 461
    assert sum(gene.chrom == "chr20" for gene in genes) == 103
    assert "213 in both, 123 within 0" in done.output  # GENCODE v10 beside v26

    # transcription begins with a purine after a pyrimidine: to the base, or not at all
    def share(genome: Genome, by: int) -> float:
        found = []
        for gene in genes:
            at = gene.tss + (by if gene.strand == "+" else -by)
            pair = genome.fetch(gene.chrom, at - 1, at + 1)
            if gene.strand == "-":
                pair = reverse_complement(genome.fetch(gene.chrom, at, at + 2))
            found.append(pair[0] in (1, 3) and pair[1] in (0, 2))
        return float(np.mean(found))

    with Genome(real_data / "regulome45" / "genome.fa.gz") as genome:
        assert share(genome, 0) == pytest.approx(0.46, abs=0.01)
        assert max(share(genome, by) for by in (-2, -1, 1, 2)) < 0.27
