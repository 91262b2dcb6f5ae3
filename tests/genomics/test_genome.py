from __future__ import annotations

import gc
import gzip
import os

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfdvep.errors import InputError
from mfdvep.genomics import genome as module
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import decode

CONTIGS = {"chr1": "ACGTacgtNRACGTTTGCA", "chr2": "GGGCCC", "MT": "ACGTAC", "one": "T"}
PLAIN_OR_BGZIP = pytest.mark.parametrize("name", ["g.fa", "g.fa.gz", "misnamed.gz.fa"])


def letters(genome: Genome, chrom: str, start: int, end: int) -> str:
    return decode(genome.fetch(chrom, start, end))


@PLAIN_OR_BGZIP
@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_fetch(write_fasta, name, eol):
    with Genome(write_fasta(CONTIGS, name=name, eol=eol)) as genome:
        assert genome.contigs == {"chr1": 19, "chr2": 6, "MT": 6, "one": 1}
        assert letters(genome, "chr1", 0, 4) == "ACGT"
        assert letters(genome, "chr1", 5, 12) == "CGTNNAC"
        assert letters(genome, "chr1", 17, 19) == "CA"
        assert letters(genome, "chr1", 17, 22) == "CANNN"
        assert letters(genome, "chr2", -2, 8) == "NNGGGCCCNN"
        assert letters(genome, "chr2", 3, 3) == ""
        assert letters(genome, "chr2", 90, 93) == "NNN"
        assert letters(genome, "chr2", -9, -6) == "NNN"
        assert letters(genome, "one", 0, 1) == "T"
        assert genome.base("chr1", 4) == "A"
        assert genome.base("chr1", -1) == "N"


@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz"])
def test_fetch_is_the_string(write_fasta, name, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 64)
    monkeypatch.setattr(module, "_BLOCKS_KEPT", 2)
    rng = np.random.default_rng(1)
    # beyond 64 kB, so that a bgzip file has several blocks
    bases = {c: "".join(rng.choice(list("ACGTacgtN"), n)) for c, n in (("a", 150_000), ("b", 130))}
    genome = Genome(write_fasta(bases, name=name, width=60))

    @settings(max_examples=200, deadline=None)
    @given(st.sampled_from("ab"), st.integers(-200, 150_200), st.integers(0, 400))
    def check(chrom, start, length):
        padded = "N" * 1000 + bases[chrom].upper() + "N" * 151_000
        expected = padded[1000 + start : 1000 + start + length]
        assert letters(genome, chrom, start, start + length) == expected

    check()
    assert letters(genome, "a", 0, 150_000) == bases["a"].upper()
    genome.close()


def test_fetch_gives_an_array_of_its_own(write_fasta):
    with Genome(write_fasta(CONTIGS)) as genome:
        genome.fetch("chr2", 0, 6)[:] = 4
        assert letters(genome, "chr2", 0, 6) == "GGGCCC"


@pytest.mark.parametrize(
    ("contigs", "asked", "name"),
    [
        (["chr1"], "chr1", "chr1"),
        (["chr1"], "1", "chr1"),
        (["1"], "chr1", "1"),
        (["1", "chr1"], "1", "1"),
        (["1", "chr1"], "chr1", "chr1"),
        (["MT"], "chrM", "MT"),
        (["chrM"], "MT", "chrM"),
        (["chrM"], "M", "chrM"),
        (["chrM"], "chrMT", "chrM"),
        (["chr1"], "chr2", None),
        (["chr1"], "CHR1", None),
        (["chr1"], "", None),
    ],
)
def test_resolve(write_fasta, contigs, asked, name):
    with Genome(write_fasta(dict.fromkeys(contigs, "ACGT"))) as genome:
        assert genome.resolve(asked) == name


def test_fingerprint_is_of_the_assembly_and_not_of_the_file(write_fasta):
    def fingerprint(contigs, **how):
        with Genome(write_fasta(contigs, **how)) as genome:
            return genome.fingerprint

    plain = fingerprint(CONTIGS)
    assert len(plain) == 64
    assert plain == fingerprint(CONTIGS, name="g.fa.gz", width=3)
    assert plain != fingerprint({**CONTIGS, "one": "TT"})
    assert plain != fingerprint(dict(reversed(CONTIGS.items())))


@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz"])
def test_an_older_index_is_fine_and_nothing_is_written(write_fasta, name):
    path = write_fasta(CONTIGS, name=name)
    for index in path.parent.iterdir():
        if index != path:
            os.utime(index, (1, 1))
    before = {p: (p.stat().st_mtime, p.stat().st_size) for p in path.parent.iterdir()}
    with Genome(path) as genome:
        assert letters(genome, "chr2", 0, 6) == "GGGCCC"
    assert before == {p: (p.stat().st_mtime, p.stat().st_size) for p in path.parent.iterdir()}


def test_unknown_contig_and_backward_stretch_are_refused(write_fasta):
    with Genome(write_fasta(CONTIGS)) as genome:
        with pytest.raises(InputError, match="no contig 'chr9'"):
            genome.fetch("chr9", 0, 1)
        with pytest.raises(InputError, match="the end is before the start"):
            genome.fetch("chr1", 2, 1)


def refused(path, message):
    before = sorted(path.parent.iterdir())
    with pytest.raises(InputError, match=message) as caught:
        Genome(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(path.parent.iterdir()) == before


def test_missing_fasta(tmp_path):
    refused(tmp_path / "none.fa", "no such file")
    refused(tmp_path, "no such file")


def test_missing_fai(write_fasta):
    path = write_fasta(CONTIGS)
    (path.parent / "g.fa.fai").unlink()
    refused(path, f"is missing; make it: samtools faidx {path}")


def test_missing_gzi(write_fasta):
    path = write_fasta(CONTIGS, name="g.fa.gz")
    (path.parent / "g.fa.gz.gzi").unlink()
    refused(path, f"g.fa.gz.gzi is missing; make it: samtools faidx {path}")


def test_plain_gzip(write_fasta):
    path = write_fasta(CONTIGS)
    packed = path.with_name("p.fa.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    refused(packed, r"gzip, but not bgzip.*\| bgzip >")


@pytest.mark.parametrize("text", [b"", b"##fileformat=VCFv4.2\n", b"\x00\x01\x02"])
def test_not_fasta(write_fasta, text):
    path = write_fasta(CONTIGS)
    path.write_bytes(text)
    refused(path, "not a FASTA: expected '>' first")


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("", "lists no contig"),
        ("chr1\t4\n", "not a FASTA index"),
        ("chr1\tx\t5\t4\t5\n", "not a FASTA index"),
        ("chr1\t4\t17\t0\t0\n", "not a FASTA index"),
        ("chr1\t4\t-17\t4\t5\n", "not a FASTA index"),
        ("chr1\t19\t17\t7\t8\nchr1\t19\t17\t7\t8\n", "not a FASTA index"),
        ("chr1\t19\t16\t7\t8\n", "has 18 bases"),
        ("chr1\t19\t30\t7\t8\n", "is not sequence alone"),
        ("chr1\t19\t17\t7\t9\n", "is not sequence alone"),
        ("chr1\t20\t17\t7\t8\n", "has 19 bases"),
        ("chr1\t9999\t17\t7\t8\n", "of another file"),
        ("chr1\t19\t17\t7\t8\none\t1\t999\t7\t8\n", "of another file"),
    ],
)
@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz"])
def test_an_index_that_does_not_fit(write_fasta, name, index, message):
    path = write_fasta(CONTIGS, name=name)
    path.with_name(f"{name}.fai").write_text(index)
    refused(path, message)


def test_a_stale_index_is_found_where_it_is_used(write_fasta):
    path = write_fasta(CONTIGS)
    text = path.read_text().replace(">chr2 some", ">chr2 so").replace(">one some", ">one some..")
    path.write_text(text)
    with Genome(path) as genome:
        assert letters(genome, "chr1", 0, 4) == "ACGT"
        with pytest.raises(InputError, match="chr2:0-6 is not sequence alone: the index is of an"):
            genome.fetch("chr2", 0, 3)


@pytest.mark.parametrize(
    ("name", "other", "message"),
    [
        ("g.fa", "g.fa.gz", "not compressed, but .* rename it to end in .fa, and its index"),
        ("g.fa.gz", "g.fa", "bgzip, but .* rename it to end in .gz, and its index"),
    ],
)
def test_a_name_that_hides_the_form(write_fasta, name, other, message):
    path = write_fasta(CONTIGS, name=name)
    for file in list(path.parent.iterdir()):
        file.rename(path.with_name(file.name.replace(name, other)))
    refused(path.with_name(other), message)


def test_a_file_that_may_not_be_read(write_fasta, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = write_fasta(CONTIGS)
    monkeypatch.setattr(type(path), "open", denied)
    refused(path, "cannot be read: Permission denied")


def test_truncated_and_damaged_bgzip(write_fasta):
    rng = np.random.default_rng(2)
    bases = {c: "".join(rng.choice(list("ACGT"), 200_000)) for c in "abc"}
    path = write_fasta(bases, name="g.fa.gz", width=60)
    whole = path.read_bytes()
    path.write_bytes(whole[:-28])
    refused(path, "truncated: no bgzip end-of-file block")
    path.write_bytes(whole[:90_000] + bytes(100) + whole[90_100:])
    with Genome(path) as genome:
        for _ in range(2):  # what is damaged stays so
            with pytest.raises(InputError, match=r"b:\d+-\d+ cannot be read .* or the file is dam"):
                genome.fetch("b", 0, 200_000)
        assert letters(genome, "c", 0, 200_000) == bases["c"]
    path.write_bytes(whole[:18] + bytes(100) + whole[118:])
    refused(path, "check the file, then make it again: samtools faidx")


@pytest.mark.parametrize(
    "gzi", [b"", b"\1", bytes(8), (1).to_bytes(8, "little") + b"\xff" * 7 + bytes(9)]
)
def test_damaged_gzi(write_fasta, gzi):
    path = write_fasta({"c": "ACGTN" * 30_000}, name="g.fa.gz")
    path.with_name("g.fa.gz.gzi").write_bytes(gzi)
    refused(path, "(is not a FASTA index|the index is of another file).* samtools faidx")


def test_bytes_that_are_no_text(write_fasta):
    path = write_fasta(CONTIGS)
    path.write_bytes(path.read_bytes().replace(b"GGGCCC", b"GG\xff\xfeCC"))
    with Genome(path) as genome, pytest.raises(InputError, match="chr2:0-6 cannot be read"):
        genome.fetch("chr2", 0, 3)


@PLAIN_OR_BGZIP
def test_no_file_stays_open(write_fasta, name):
    def n_open():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    path = write_fasta(CONTIGS, name=name)
    before = n_open()
    with Genome(path):
        assert n_open() == before + 1
    assert n_open() == before
    gzi = path.with_name(f"{name}.gzi")
    for index in [path.with_name(f"{name}.fai"), *([gzi] if gzi.exists() else [])]:
        index.write_bytes(b"\1")
        refused(path, "FASTA index")
        assert n_open() == before


@PLAIN_OR_BGZIP
def test_the_same_as_htslib(write_fasta, name):
    path = write_fasta({"c": "ACGTN" * 50_000, "d": "G"}, name=name, width=61)
    with Genome(path) as genome, pysam.FastaFile(str(path)) as other:
        for start, end in ((0, 100), (65_000, 66_000), (249_990, 250_000)):
            assert letters(genome, "c", start, end) == other.fetch("c", start, end)
