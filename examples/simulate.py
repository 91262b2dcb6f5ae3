"""Write the example: a small simulated genome, variants on planted motifs, and the truth.

    python examples/simulate.py OUTDIR

Writes genome.fa (+ .fai), motifs.bed, variants.vcf.gz and labelled.vcf.gz (+ .tbi), and truth.tsv.
The same on every machine: only `random.Random.random()` is drawn from, whose stream Python
guarantees for a seed.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pysam
from build_genome import Contig, add_locus, add_n_run, motif_changes, scrub, soft_mask
from labelled import labelled_vcf
from motifs import reverse_complement
from plan import Edit, Locus, plan_loci

SEED = 20240612
CONTIGS = ("chrA", "chrB", "chrC")
LINE = 60

HEADER = """\
##fileformat=VCFv4.3
##source=examples/simulate.py, seed {seed}: simulated, from no person
##reference=genome.fa
{contigs}
##ALT=<ID=DEL,Description="Deletion">
##FILTER=<ID=PASS,Description="All filters passed">
##INFO=<ID=EFFECT,Number=A,Type=String,Description="What ALT does to the planted motif: break, \
make or none; . where the allele is here to show a status">
##INFO=<ID=MOTIF,Number=1,Type=String,Description="Motif planted here">
##INFO=<ID=END,Number=1,Type=Integer,Description="Last base of a symbolic deletion">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""
TRUTH_COLUMNS = (
    "chrom", "pos", "ref", "alt", "id", "motif", "effect", "strand", "distance",
    "site_start", "site_end", "setting", "status",
)  # fmt: skip


def edit_interval(locus: Locus, site: int, edit: Edit) -> tuple[int, int]:
    """Return the 0-based half-open stretch of the contig that an edit replaces."""
    if locus.strand == "+":
        return site + edit.start, site + edit.end
    end = site + len(locus.spelling)
    return end - edit.end, end - edit.start


def apply_edit(contig: Contig, locus: Locus, site: int, edit: Edit) -> tuple[int, str, str]:
    """Return (0-based start, REF, ALT) of an edit, without the anchor base of an indel.

    Raises
    ------
    RuntimeError
        The edit does not do to the motifs around what the plan says.
    """
    start, end = edit_interval(locus, site, edit)
    ref = contig.text(start, end)
    if edit.new is None:
        choices = [base for base in "ACGT" if base != ref]
    else:
        choices = [edit.new if locus.strand == "+" else reverse_complement(edit.new)]
    own = [locus.motif]
    wanted = {"break": (own, []), "make": ([], own), "none": ([], [])}[edit.effect]
    for alt in choices:
        lost, won = motif_changes(contig, start, end, alt=alt)
        if alt != ref and (lost, won) == wanted:
            return start, ref, alt
    raise RuntimeError(f"{locus}: {edit}: motifs lost {lost}, won {won}")


def distance(locus: Locus, site: int, edit: Edit) -> int:
    """Return how many bases an edit lies from its site; 0 inside it."""
    start, end = edit_interval(locus, site, edit)
    return max(site - end + 1, start - (site + len(locus.spelling)) + 1, 0)


def records(contig: Contig) -> list[tuple[list[str], list[list[str]]]]:
    """Return the contig's VCF records in order: their columns, and a row of truth per ALT."""
    found = []
    for locus, site in contig.placed:
        own, site_end = locus.motif, site + len(locus.spelling)
        for number, edits in enumerate(locus.records, start=1):
            alleles = [apply_edit(contig, locus, site, edit) for edit in edits]
            start, ref, _ = alleles[0]
            alts = [alt for _, _, alt in alleles]
            end = start + len(ref)
            if not ref or "" in alts:  # VCF: an indel is written with the base before it
                start -= 1
                ref, alts = contig.bases[start] + ref, [contig.bases[start] + a for a in alts]
            effects, status, info = [e.effect for e in edits], ["OK"] * len(edits), ""
            if edits[0].show == "STAR":
                alts, effects, status = [*alts, "*"], [*effects, "."], [*status, "STAR"]
            elif edits[0].show == "SYMBOLIC":
                ref, alts, effects, status = ref[0], ["<DEL>"], ["."], ["SYMBOLIC"]
                info = f";END={end}"
            elif edits[0].show == "REF_MISMATCH":
                ref, effects, status = reverse_complement(ref), ["."], ["REF_MISMATCH"]
                alts = [next(base for base in "ACGT" if base not in (ref, reverse_complement(ref)))]
            name = f"{locus.name}.{number}"
            info = f"EFFECT={','.join(effects)}" + (f";MOTIF={own}" if own else "") + info
            columns = [contig.name, str(start + 1), name, ref, ",".join(alts), ".", "PASS", info]
            where = (own, locus.strand, distance(locus, site, edits[0]), site, site_end)
            motif, strand, *place = map(str, where) if own else "....."
            head, tail = (contig.name, str(start + 1), ref), (strand, *place, locus.setting)
            truth = [
                [*head, alt, name, motif, effect, *tail, state]
                for alt, effect, state in zip(alts, effects, status, strict=True)
            ]
            found.append((columns, truth))
    return sorted(found, key=lambda record: int(record[0][1]))


def build() -> list[Contig]:
    """Return the finished contigs, upper case, loci dealt to them in shuffled order."""
    rng = random.Random(SEED)
    contigs = [Contig(name) for name in CONTIGS]
    # Drawn keys, not Random.shuffle: only random() is promised to stay the same.
    order = sorted((rng.random(), i, locus) for i, locus in enumerate(plan_loci()))
    for i, (_, _, locus) in enumerate(order):
        contig = contigs[i * len(contigs) // len(order)]
        add_locus(rng, contig, locus)
    for contig in contigs:
        scrub(rng, contig)
    add_n_run(contigs[-1])
    for contig in contigs:
        soft_mask(rng, contig)
    return contigs


def write_fasta(contigs: list[Contig], path: Path) -> None:
    """Write the genome, 60 bases a line, and its .fai index."""
    offset, index = 0, []
    with open(path, "w", newline="\n", encoding="ascii") as handle:
        for contig in contigs:
            text = contig.masked_text()
            offset += handle.write(f">{contig.name}\n")
            index.append(f"{contig.name}\t{len(text)}\t{offset}\t{LINE}\t{LINE + 1}\n")
            for i in range(0, len(text), LINE):
                offset += handle.write(text[i : i + LINE] + "\n")
    write_lines(path.with_name(path.name + ".fai"), index)


def write_lines(path: Path, lines: list[str]) -> None:
    """Write lines that end in a newline, the same bytes on every system."""
    path.write_bytes("".join(lines).encode("ascii"))


def write_vcf(path: Path, text: str) -> None:
    """Write the text of a VCF to `path`, BGZF, and its .tbi index."""
    plain = path.with_suffix("")
    write_lines(plain, [text])
    pysam.tabix_compress(str(plain), str(path), force=True)
    plain.unlink()
    pysam.tabix_index(str(path), preset="vcf", force=True)


def main(arguments: list[str]) -> int:
    """Write the example's files to the folder named in the arguments; return the exit status."""
    if len(arguments) != 1:
        print("usage: python examples/simulate.py OUTDIR", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    contigs = build()
    write_fasta(contigs, folder / "genome.fa")
    sites = [(c.name, *site[:3], "0", site[3]) for c in contigs for site in sorted(c.sites)]
    write_lines(folder / "motifs.bed", ["\t".join(map(str, site)) + "\n" for site in sites])
    found = [record for contig in contigs for record in records(contig)]
    truth = [TRUTH_COLUMNS, *(row for _, rows in found for row in rows)]
    write_lines(folder / "truth.tsv", ["\t".join(row) + "\n" for row in truth])
    lengths = "\n".join(f"##contig=<ID={c.name},length={len(c.bases)}>" for c in contigs)
    body = "".join("\t".join(columns) + "\n" for columns, _ in found)
    write_vcf(folder / "variants.vcf.gz", HEADER.format(seed=SEED, contigs=lengths) + body)
    write_vcf(folder / "labelled.vcf.gz", labelled_vcf(contigs, lengths))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
