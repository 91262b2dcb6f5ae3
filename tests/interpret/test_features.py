"""Latent features of regions, sequences and alleles, against the plain model on plain windows."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import make_model, random_bases, write_fasta

from mfdvep.errors import InputError, OutputError
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import encode, reverse_complement
from mfdvep.interpret.features.extraction import write_features
from mfdvep.interpret.features.feature_file import FEATURES_KEY, read_features
from mfdvep.interpret.features.items import items_of

CHR1 = random_bases(6000, 1)
CHR2 = "N" * 3000 + random_bases(1000, 2)


@pytest.fixture
def genome(tmp_path):
    with Genome(write_fasta(tmp_path / "g.fa", {"chr1": CHR1, "chr2": CHR2})) as genome:
        yield genome


def plain(model, sequences):
    """The features of windows, letter for letter: both halves, forward then reverse, (n, 2 x K)."""
    codes = np.stack([encode(s) for s in sequences])
    with torch.inference_mode():
        strands = [model.features(torch.from_numpy(c)) for c in (codes, reverse_complement(codes))]
    return [np.concatenate([s[half].numpy() for s in strands], axis=1) for half in (0, 1)]


def written(tmp_path, model, source, **options):
    output = tmp_path / "f.parquet"
    summary = write_features(source, model, output, force=True, **options)
    return summary, read_features(output)


BED = """\
track name=x
chr1\t2000\t2128\tbin
1\t2000\t2600
chr1\t1000\t3000\tlong\t0\t+
chr1\t5990\t6001\tover
chr2\t500\t900\tunknown
chr3\t0\t100\tabsent
chr1\t0\t100\tedge
"""


def test_a_bed(tmp_path, genome):
    model = make_model()
    bed = tmp_path / "r.bed"
    bed.write_text(BED)
    summary, table = written(tmp_path, model, bed, genome=genome, batch_size=3)
    assert table.name == ["bin", "1:2000-2600", "long", "over", "unknown", "absent", "edge"]
    assert table.status == ["OK", "OK", "OK", "OFF_CONTIG", "N_RICH", "CONTIG_MISSING", "OK"]
    assert table.chrom[1:3] == ["1", "chr1"]
    assert table.end.tolist()[:3] == [2128, 2600, 3000]
    assert summary.n_rows == 7 == sum(summary.status.values())
    windows = [CHR1[2064 - 576 : 2064 + 577], CHR1[2300 - 576 : 2300 + 577], "N" * 526 + CHR1[:627]]
    for found, expected in zip((table.biological, table.technical), plain(model, windows),
                               strict=True):  # fmt: skip
        assert found[[0, 1, 6]] == pytest.approx(expected, abs=1e-5)
        assert np.isnan(found[3:6]).all()
        assert np.isfinite(found[2]).all()
    letters = windows[0]
    assert table.gc[0] == pytest.approx((letters.count("G") + letters.count("C")) / 1153)
    assert np.isnan(table.gc[3])


@pytest.mark.parametrize(("pooling", "pool"), [("mean", np.mean), ("max", np.max)])
def test_a_long_region_is_tiled_and_pooled(tmp_path, genome, pooling, pool):
    model = make_model()
    bed = tmp_path / "r.bed"
    bed.write_text("chr1\t1000\t2409\n")
    _, table = written(tmp_path, model, bed, genome=genome, pooling=pooling)
    tiles = [CHR1[at : at + 1153] for at in (1000, 1128, 1256)]
    for found, expected in zip((table.biological, table.technical), plain(model, tiles),
                               strict=True):  # fmt: skip
        assert found[0] == pytest.approx(pool(expected, axis=0), abs=1e-5)
    assert pq.read_table(tmp_path / "f.parquet")["n_windows"].to_pylist() == [3]


def test_the_other_strand_swaps_the_two_parts(tmp_path):
    model = make_model()
    for length in (700, 1153, 1500, 1409):
        letters = random_bases(length - 1 + length % 2, length)  # odd: the same middle base
        other = letters[::-1].translate(str.maketrans("ACGT", "TGCA"))
        fasta = tmp_path / "s.fa"
        fasta.write_text(f">a\n{letters}\n>b\n{other}\n")
        _, table = written(tmp_path, model, fasta, stride=300)
        for half in (table.biological, table.technical):
            turned = np.roll(half[1], half.shape[1] // 2)
            assert half[0] == pytest.approx(turned, abs=1e-4)


def test_sequences_need_no_genome_and_are_padded(tmp_path):
    model = make_model()
    fasta = tmp_path / "s.fa"
    short = random_bases(101, 5)
    fasta.write_text(f">a one\n{short}\n>b\n{'N' * 60}{short[:20]}\n")
    summary, table = written(tmp_path, model, fasta)
    assert table.status == ["OK", "N_RICH"]
    assert table.chrom == [None, None]
    assert table.start.tolist() == [-1, -1]
    expected = plain(model, ["N" * 526 + short + "N" * 526])
    assert table.biological[0] == pytest.approx(expected[0][0], abs=1e-5)
    assert table.about["reference"] is None
    assert summary.status == {"OK": 1, "N_RICH": 1}


def test_alleles_of_a_vcf(tmp_path, genome):
    model = make_model()
    ref = CHR1[2999]
    alt = "ACGT"[("ACGT".index(ref) + 1) % 4]
    wrong = "ACGT"[("ACGT".index(ref) + 2) % 4]
    vcf = tmp_path / "v.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        f"chr1\t3000\t.\t{ref}\t{alt},<DEL>\t.\t.\t.\n"
        f"chr1\t3000\t.\t{wrong}\t{alt}\t.\t.\t.\n"
        f"chr1\t3000\t.\t{ref}\t.\t.\t.\t.\n"
    )
    summary, table = written(tmp_path, model, vcf, genome=genome)
    assert summary.n_rows == len(table) == 8
    assert table.status == ["OK", "OK", "SYMBOLIC", "SYMBOLIC", "REF_MISMATCH", "REF_MISMATCH",
                            "NO_ALT", "NO_ALT"]  # fmt: skip
    assert table.allele == ["REF", "ALT"] * 4
    assert table.name[:2] == [f"chr1:3000:{ref}:{alt}/REF", f"chr1:3000:{ref}:{alt}/ALT"]
    windows = [CHR1[2999 - 576 : 2999] + base + CHR1[3000 : 3000 + 576] for base in (ref, alt)]
    expected = plain(model, windows)
    assert table.biological[:2] == pytest.approx(expected[0], abs=1e-5)
    assert table.technical[:2] == pytest.approx(expected[1], abs=1e-5)


def test_what_the_file_says_of_itself(tmp_path, genome):
    bed = tmp_path / "r.bed"
    bed.write_text("chr1\t2000\t2128\n")
    written(tmp_path, make_model(), bed, genome=genome, stride=64, pooling="max", command="typed")
    schema = pq.read_schema(tmp_path / "f.parquet")
    about = json.loads(schema.metadata[FEATURES_KEY])
    assert about["model"] == {"name": "unsaved", "sha256": "."}
    assert about["reference"] == {"file": "g.fa", "fingerprint": genome.fingerprint}
    assert (about["stride"], about["pooling"], about["command"]) == (64, "max", "typed")
    assert about["has_halves"] is True
    assert str(schema.field("biological").type) == "fixed_size_list<element: float not null>[16]"


def test_the_batch_size_does_not_matter(tmp_path, genome):
    bed = tmp_path / "r.bed"
    bed.write_text(BED)
    tables = [written(tmp_path, make_model(), bed, genome=genome, batch_size=n)[1]
              for n in (1, 64)]  # fmt: skip
    assert tables[0].status == tables[1].status
    assert tables[0].biological == pytest.approx(tables[1].biological, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        ("chr1\t1\t2\n", {"genome": None}, "BED has no bases; give the reference"),
        ("#nothing\n", {}, "no region in it"),
        ("chr1\t5\t2\n", {}, ":1: expected BED"),
        ("chr1\t1\t2\n", {"stride": 0}, "stride 0"),
        ("chr1\t1\t2\n", {"pooling": "sum"}, "pooling 'sum'; expected mean or max"),
        ("chr1\t1\t2\n", {"batch_size": 0}, "batch size 0"),
    ],
)
def test_refusals(tmp_path, genome, content, options, told):
    bed = tmp_path / "r.bed"
    bed.write_text(content)
    with pytest.raises(InputError, match=told):
        write_features(bed, make_model(), tmp_path / "f.parquet", **{"genome": genome, **options})
    assert not (tmp_path / "f.parquet").exists()


def test_an_output_is_not_replaced(tmp_path, genome):
    bed = tmp_path / "r.bed"
    bed.write_text("chr1\t1\t2\n")
    (tmp_path / "f.parquet").touch()
    with pytest.raises(OutputError, match="exists"):
        write_features(bed, make_model(), tmp_path / "f.parquet", genome=genome)


def test_a_file_of_another_kind_is_refused(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
    with pytest.raises(InputError, match="not a file of features"):
        read_features(tmp_path / "x.parquet")
    (tmp_path / "y").write_text("text")
    with pytest.raises(InputError, match="not a file of features"):
        read_features(tmp_path / "y")


def test_a_region_too_long_has_a_status(tmp_path):
    fasta = write_fasta(tmp_path / "g.fa", {"c": "A" * 1_000_100})
    bed = tmp_path / "r.bed"
    bed.write_text("c\t0\t1000001\n")
    with Genome(fasta) as genome:
        assert [str(item.status) for item in items_of(bed, genome)] == ["TOO_LONG"]
