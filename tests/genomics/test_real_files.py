"""Public files: the VCF conformance set of samtools/hts-specs, and 1000 Genomes on GRCh38."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import cyvcf2
import pytest

from mfdvep.genomics.genome import Genome
from mfdvep.genomics.sequences import decode
from mfdvep.genomics.vcf import open_vcf

DATA = Path(os.environ.get("MFDVEP_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason="no real data; set MFDVEP_TEST_DATA"),
]


def test_every_valid_vcf_of_the_specification_is_read(tmp_path):
    with tarfile.open(DATA / "variants" / "hts-specs_test_vcf.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    paths = sorted(tmp_path.glob("**/passed/*.vcf"))
    assert len(paths) > 50
    for path in paths:
        with open_vcf(path) as reader:
            lines = [*reader.header_lines, *(record.line for record in reader)]
        assert "\n".join(lines).encode(errors="surrogateescape") == path.read_bytes().rstrip(b"\n")


def test_ref_of_real_variants_is_in_the_genome():
    path = DATA / "variants" / "1000g.chr1.sites.vcf.gz"
    with open_vcf(path) as reader, Genome(DATA / "regulome45" / "genome.fa.gz") as genome:
        records = list(reader)
        assert len(records) == 8987
        for record in records:
            start = record.pos - 1
            bases = genome.fetch(record.chrom, start, start + len(record.ref))
            assert decode(bases) == record.ref.upper()
    other = cyvcf2.VCF(str(path))
    expected = [(v.CHROM, v.POS, v.REF, tuple(v.ALT)) for v in other]
    other.close()
    assert [(r.chrom, r.pos, r.ref, r.alts) for r in records] == expected
