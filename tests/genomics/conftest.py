"""Small files, indexed and compressed by htslib and not by the code under test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pysam
import pytest


@pytest.fixture
def write_fasta(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of an indexed FASTA: contigs -> path; bgzip if the name ends in .gz."""

    def write(contigs: dict[str, str], *, name: str = "g.fa", width: int = 7, eol: str = "\n"):
        lines = []
        for contig, bases in contigs.items():
            lines.append(f">{contig} some words")
            lines += [bases[i : i + width] for i in range(0, len(bases), width)]
        plain = tmp_path / name.removesuffix(".gz")
        plain.write_bytes("".join(line + eol for line in lines).encode())
        path = plain
        if name.endswith(".gz"):
            path = tmp_path / name
            pysam.tabix_compress(str(plain), str(path), force=True)
            plain.unlink()
        pysam.faidx(str(path))
        return path

    return write
