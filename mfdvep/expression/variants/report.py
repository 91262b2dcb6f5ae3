"""What a run of effects on genes counted, and that its counts agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mfdvep.expression.genes import GeneList
from mfdvep.expression.variants.batches import GeneBatch
from mfdvep.expression.variants.reach import GenesInReach
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.variants import VariantStatus


@dataclass
class Counts:
    """Counts over the records of a run; it grows with the genes, not with the records.

    Attributes
    ----------
    records, alleles
        Read; a record without an ALT counts as one allele, NO_ALT.
    status
        Alleles by status; they sum to `alleles`.
    with_gene
        Alleles that are OK and in reach of a gene; the other ones that are OK are of none.
    pairs
        Pairs of an allele and a gene, by the gene's status.
    genes
        Id of each gene that an allele is in reach of -> its status.
    rows
        Of the table.
    contigs
        Name in the VCF -> in the reference, where they differ.
    """

    records: int = 0
    alleles: int = 0
    status: Counter[str] = field(default_factory=Counter)
    with_gene: int = 0
    pairs: Counter[str] = field(default_factory=Counter)
    genes: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    contigs: dict[str, str] = field(default_factory=dict)

    def add(self, batch: GeneBatch, genome: Genome) -> None:
        """Count a batch.

        Parameters
        ----------
        genome
            What the contigs' names are those of.
        """
        self.records += len(batch.records)
        self.alleles += len(batch.variants)
        self.status.update(map(str, batch.status))
        self.with_gene += len({pair.allele for pair in batch.pairs})
        for pair, state in zip(batch.pairs, batch.effects.status, strict=True):
            self.pairs[str(state)] += 1
            self.genes[pair.gene.id] = str(state)
        n_alone = len(batch.variants) - len({pair.allele for pair in batch.pairs})
        self.rows += len(batch.pairs) * len(batch.cells) + n_alone
        for name in {record.chrom for record in batch.records}:
            other = genome.resolve(name)
            if other not in (None, name):
                self.contigs[name] = str(other)


def run_record(
    counts: Counts,
    listed: GeneList,
    genes: GenesInReach,
    *,
    provenance: Mapping[str, Any],
    timing: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the record of a run, ready for JSON.

    Returns
    -------
    dict
        "records"; "alleles"; "status", which sums to "alleles"; of the alleles that are OK
        "alleles_with_gene" and "alleles_without_gene", which sum to their number; "pairs" of an
        allele and a gene, and "pairs_by_gene_status", which sums to it; "rows" of the table: pairs
        x cells, and one an allele that has no pair; "genes": "read" from the file, to which
        "duplicates", "other_biotypes" and "n" sum, and to that "off_reference", "not_reached" and
        those of "reached_by_status"; "contigs"; and what was given.
    """
    ok = counts.status[VariantStatus.OK]
    n_off = len(genes.off_reference)
    return {
        "records": counts.records,
        "alleles": counts.alleles,
        "status": {status.value: counts.status[status] for status in VariantStatus},
        "alleles_with_gene": counts.with_gene,
        "alleles_without_gene": ok - counts.with_gene,
        "pairs": counts.pairs.total(),
        "pairs_by_gene_status": dict(counts.pairs),
        "rows": counts.rows,
        "genes": {
            "read": listed.n_read,
            "duplicates": len(listed.duplicates),
            "other_biotypes": listed.other_biotypes,
            "n": genes.n_genes,
            "off_reference": n_off,
            "not_reached": genes.n_genes - n_off - len(counts.genes),
            "reached_by_status": dict(Counter(counts.genes.values())),
        },
        "contigs": dict(sorted(counts.contigs.items())),
        "provenance": dict(provenance),
        "timing": dict(timing),
    }
