"""Files in the layouts of the eQTL Catalogue, GENCODE, gnomAD and ENCODE, small enough to read."""

from __future__ import annotations

import gzip
from pathlib import Path

CREDIBLE = ("molecular_trait_id", "gene_id", "cs_id", "variant", "rsid", "cs_size", "pip",
            "pvalue", "beta", "se", "z", "cs_min_r2", "region")  # fmt: skip
SUMS = ("molecular_trait_id", "chromosome", "position", "ref", "alt", "variant", "ma_samples",
        "maf", "pvalue", "beta", "se", "type", "ac", "an", "r2", "molecular_trait_object_id",
        "gene_id", "median_tpm", "rsid")  # fmt: skip


def write_tsv(path: Path, columns, rows) -> Path:
    """Write dictionaries as a table; what a row does not name is NA."""
    lines = ["\t".join(columns)]
    lines += ["\t".join(str(row.get(name, "NA")) for name in columns) for row in rows]
    text = "".join(f"{line}\n" for line in lines).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def in_set(variant: str, pip: float, gene: str = "ENSG1") -> dict:
    """Return a row of a credible set."""
    return {"molecular_trait_id": gene, "gene_id": gene, "cs_id": f"{gene}_L1",
            "variant": variant, "rsid": "rs1", "pip": pip}  # fmt: skip


def summary_row(variant: str, maf: float | str, gene: str = "ENSG1", rsid: str = "rs1") -> dict:
    """Return a row of summary statistics, whose chromosome has no chr."""
    chrom, pos, ref, alt = variant.removeprefix("chr").split("_")
    return {"molecular_trait_id": gene, "chromosome": chrom, "position": pos, "ref": ref,
            "alt": alt, "variant": variant, "maf": maf, "gene_id": gene, "rsid": rsid}  # fmt: skip


def gene_line(gene: str, chrom: str, start: int, end: int, kind: str = "protein_coding") -> str:
    """Return a gene of a GTF, 1-based and closed."""
    return (
        f'{chrom}\tHAVANA\tgene\t{start}\t{end}\t.\t+\t.\tgene_id "{gene}.3"; '
        f'gene_type "{kind}"; gene_name "{gene}";\n'
    )


def cds_line(chrom: str, start: int, end: int) -> str:
    """Return a coding sequence of a GTF."""
    return f'{chrom}\tHAVANA\tCDS\t{start}\t{end}\t.\t+\t0\tgene_id "ENSG9.1";\n'


def reconcile(found) -> None:
    """Check that every count adds up."""
    for counts in found.counts:
        assert counts.n_read == counts.n_kept + sum(counts.removed.values()), str(counts)
        assert min(counts.removed.values(), default=0) >= 0
