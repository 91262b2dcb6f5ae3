"""Measure effects on expression against eQTLs: their direction, and their size beside controls.

    python train/eqtl_numbers.py choose EQTLS --genes runs/genes.GRCh38.tsv -o runs/eqtls.vcf \
        --own-genes runs/eqtls.genes.tsv
    mfdvep variants controls runs/eqtls.vcf -f GENOME --per-positive 10 --distance 250 \
        --context 3 --seed 1 -o runs/near.vcf.gz
    mfdvep expression score runs/eqtls.vcf ... --table runs/eqtls.parquet
    mfdvep expression score runs/near.vcf.gz ... --table runs/near.parquet
    python train/eqtl_numbers.py measure EQTLS runs/eqtls.parquet \
        --controls near runs/near.vcf.gz runs/near.parquet \
        -o runs/eqtl_numbers.json --figure runs/eqtl_numbers.png

EQTLS is a table with chrom, pos, ref, alt, gene_id, tss_distance and slope (of ALT), as of GTEx.
Controls are random changes of bases like those of an eQTL; they count where they are in reach of
its gene. Within 250 bases they are about as far from the start site as the eQTL; within 11,052 they
lie anywhere in the gene's reach. An area is the share of an eQTL's own controls with a smaller
effect, averaged over eQTLs; genes are what the bootstrap draws.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow.parquet as pq
import pysam
from scipy.stats import binomtest, spearmanr

from mfdvep.enrichment.measures.resampling import bootstrap_weights, percentile_interval
from mfdvep.enrichment.sets.tables import Table
from mfdvep.errors import InputError, MfdvepError
from mfdvep.expression.genes import read_tss
from mfdvep.genomics.bcf import quiet_htslib
from mfdvep.genomics.genes import without_version
from mfdvep.model.tracks import tsv
from mfdvep.plotting import GREY, KIND_COLOURS, KIND_MARKERS, new_grid, title_over

REACH = 5526
AT_START = 1000
"""Bases from the start site within which the baseline sees most variants."""
SAMPLES = 2000
CELLS = ("GM12878", "K562")
BOTH = "mean"
KINDS = ("combined", "biological", "technical")
BASELINE = "h3k4me3_combined"
SCORES = (*KINDS, BASELINE)
NEEDED = ("chrom", "pos", "ref", "alt", "gene_id", "tss_distance", "slope")

Key = tuple[str, int, str, str]  # of a variant
Effects = dict[Key, dict[str, tuple[int, np.ndarray]]]
"""Variant -> gene -> distance, and effects (scores, cells)."""


def read_eqtls(path: Path) -> dict[tuple[Key, str], tuple[float, int]]:
    """Return variant and gene -> slope of ALT, and distance from the start site."""
    found = {}
    with Table(path, NEEDED) as table:
        for number, line in table:
            row = table.fields(number, line)
            chrom, pos, ref, alt, gene, distance, slope = (row[table.place[n]] for n in NEEDED)
            key = (chrom, int(pos), ref, alt)
            found[key, without_version(gene)] = (float(slope), int(distance))
    return found


def read_effects_of(path: Path, cells: Sequence[str] = CELLS) -> Effects:
    """Return the effects in a table of `mfdvep expression score`, of pairs that have them."""
    names = ["chrom", "pos", "ref", "alt", "gene_id", "distance", "cell", *SCORES]
    columns = pq.read_table(path, columns=names).to_pydict()
    found: Effects = defaultdict(dict)
    for chrom, pos, ref, alt, gene, distance, cell, *values in zip(*columns.values(), strict=True):
        if gene is None or values[0] is None or cell not in cells:
            continue
        of = found[chrom, pos, ref, alt]
        if gene not in of:
            of[gene] = (distance, np.full((len(SCORES), len(cells)), np.nan))
        of[gene][1][:, list(cells).index(cell)] = values
    return dict(found)


def read_controls(path: Path) -> dict[str, list[Key]]:
    """Return the controls of each positive, by its name CHROM_POS_REF_ALT."""
    found = defaultdict(list)
    with quiet_htslib(), pysam.VariantFile(str(path)) as file:
        for record in file:
            if record.info["LABEL"] == (0,):
                key = (record.chrom, record.pos, record.ref, record.alts[0])
                for name in record.info["MATCH"]:
                    found[name].append(key)
    return dict(found)


def signs(effect: np.ndarray, slope: np.ndarray) -> dict[str, Any]:
    """Return how often the sign of an effect is that of the slope, with its exact interval.

    An effect of 0, such as that of the mark at the start site where no window there has the
    variant, has no sign: "n" counts the others.

    Parameters
    ----------
    effect, slope
        (n,), no slope is 0.
    """
    zero = int((effect == 0).sum())
    found: dict[str, Any] = {"n": len(slope) - zero, "zero": zero}
    effect, slope = effect[effect != 0], slope[effect != 0]
    agree = int((np.sign(effect) == np.sign(slope)).sum())
    exact = binomtest(agree, len(slope)) if len(slope) else None
    low, high = (None, None) if exact is None else exact.proportion_ci(method="exact")
    varies = len(slope) > 2 and np.ptp(effect) > 0 and np.ptp(slope) > 0
    return found | {
        "agree": agree,
        "share": agree / len(slope) if len(slope) else None,
        "low": low,
        "high": high,
        "p": None if exact is None else exact.pvalue,
        "spearman": float(spearmanr(effect, slope).statistic) if varies else None,
    }


def mcnemar(effect: np.ndarray, other: np.ndarray, slope: np.ndarray) -> dict[str, Any]:
    """Return on how many pairs one effect alone has the slope's sign, and the exact p.

    Of the pairs on which neither effect is 0, "n".
    """
    both = (effect != 0) & (other != 0)
    first, second = (np.sign(x[both]) == np.sign(slope[both]) for x in (effect, other))
    only, other_only = int((first & ~second).sum()), int((~first & second).sum())
    n = only + other_only
    p = binomtest(only, n).pvalue if n else 1.0
    return {"n": int(both.sum()), "only": only, "other_only": other_only, "p": p}


def below(own: float, others: np.ndarray) -> float:
    """Return the share of other values that are below one, those that are equal by half."""
    return float((others < own).mean() + (others == own).mean() / 2)


def areas(shares: Mapping[str, np.ndarray], genes: Sequence[str], *, seed: int = 1) -> dict:
    """Return the mean of shares (n,) with intervals, and of their difference to the baseline.

    Parameters
    ----------
    shares
        Score -> (n,), see `below`.
    genes
        n: what the bootstrap draws.
    """
    of = np.unique(genes, return_inverse=True)[1]
    n_genes = int(of.max()) + 1
    weights = bootstrap_weights(n_genes, SAMPLES, np.random.default_rng(seed))[:, of]  # (B, n)
    weights = np.concatenate([np.ones((1, len(of))), weights])
    means = {name: weights @ share / weights.sum(1) for name, share in shares.items()}
    found = {name: _estimate(values, n_genes) for name, values in means.items()}
    found |= {
        f"{name} - {BASELINE}": _estimate(means[name] - means[BASELINE], n_genes) for name in KINDS
    }
    return {"n": len(of), "genes": n_genes, "areas": found}


def _estimate(values: np.ndarray, n_genes: int) -> list[float | None]:
    low, high = percentile_interval(values[1:], n_genes)
    return [None if np.isnan(v) else round(float(v), 4) for v in (values[0], low, high)]


def of_cell(values: np.ndarray, cell: int) -> np.ndarray:
    """Return effects (scores,) in a cell, or their mean over cells for the number of cells."""
    return values.mean(1) if cell == values.shape[1] else values[:, cell]


def measure(
    eqtls: Mapping[tuple[Key, str], tuple[float, int]],
    positives: Effects,
    controls: Mapping[str, tuple[Mapping[str, Sequence[Key]], Effects]],
    *,
    chroms: Sequence[str] = (),
    within: int = REACH,
) -> dict[str, Any]:
    """Return agreement of signs, and areas, by cell.

    Parameters
    ----------
    eqtls, positives
        Of `read_eqtls` and `read_effects_of`.
    controls
        Name of a set -> what `read_controls` and `read_effects_of` give of it.
    chroms
        eQTLs on these alone; all by default.
    within
        Most bases from the start site.

    Raises
    ------
    InputError
        No eQTL is in reach of its gene.
    """
    pairs = [
        (key, gene, slope, *positives[key][gene])
        for (key, gene), (slope, _) in eqtls.items()
        if gene in positives.get(key, {})
        and (not chroms or key[0] in chroms)
        and abs(positives[key][gene][0]) <= within
    ]
    if not pairs:
        raise InputError("no eQTL is in reach of its own gene; are all inputs of one assembly?")
    slope = np.array([pair[2] for pair in pairs])
    values = np.stack([pair[4] for pair in pairs])  # (n, scores, cells)
    found: dict[str, Any] = {"pairs": len(pairs), "signs": {}, "mcnemar": {}, "areas": {}}
    found["genes"] = len({pair[1] for pair in pairs})
    found["variants"] = len({pair[0] for pair in pairs})
    for cell, name in enumerate((*CELLS, BOTH)):
        of = np.stack([of_cell(v, cell) for v in values])  # (n, scores)
        found["signs"][name] = {s: signs(of[:, j], slope) for j, s in enumerate(SCORES)}
        large = np.abs(of[:, 0]) >= np.median(np.abs(of[:, 0]))
        found["signs"][name]["combined, larger half"] = signs(of[large, 0], slope[large])
        base = SCORES.index(BASELINE)
        found["mcnemar"][name] = {
            s: mcnemar(of[:, j], of[:, base], slope) for j, s in enumerate(KINDS)
        }
    for which, (of_positive, effects) in controls.items():
        found["areas"][which] = {}
        for cell, name in enumerate((*CELLS, BOTH)):
            shares, genes, n_controls = _shares(pairs, of_positive, effects, cell)
            if genes:
                found["areas"][which][name] = areas(shares, genes) | {"controls": n_controls}
    return found


def _shares(
    pairs: Sequence[tuple], controls: Mapping[str, Sequence[Key]], effects: Effects, cell: int
) -> tuple[dict[str, np.ndarray], list[str], int]:
    """Return the shares of controls below each eQTL that has some, their genes, and how many."""
    rows, genes, n_controls = [], [], 0
    for key, gene, _, distance, own in pairs:
        others = [
            effects[control][gene]
            for control in controls.get("_".join(map(str, key)), ())
            if gene in effects.get(control, {})
        ]
        if not others:
            continue
        n_controls += len(others)
        size = np.abs([of_cell(value, cell) for _, value in others])  # (k, scores)
        mine = np.abs(of_cell(own, cell))
        row = [below(mine[j], size[:, j]) for j in range(len(SCORES))]
        near = -np.abs([at for at, _ in others])
        rows.append([*row, below(-abs(distance), near)])
        genes.append(gene)
    table = np.array(rows).reshape(len(rows), len(SCORES) + 1)
    return dict(zip((*SCORES, "distance"), table.T, strict=True)), genes, n_controls


def draw(numbers: Mapping[str, Any]) -> Any:
    """Return a figure: agreement of signs, and areas over controls, of the mean over cells."""
    areas_of = {which: of[BOTH] for which, of in numbers["all"]["areas"].items() if BOTH in of}
    columns = 1 + len(areas_of)
    figure, grid = new_grid(2.4 * columns, 2.9, columns=columns, share="row")
    said = dict(zip(SCORES, ("combined", "biological", "technical", "H3K4me3"), strict=True))
    style = {**{kind: kind for kind in KINDS}, BASELINE: "baseline"}
    signs_of = numbers["all"]["signs"][BOTH]
    panels = [("sign as the slope", {s: [signs_of[s][x] for x in ("share", "low", "high")]
                                     for s in SCORES if signs_of[s]["n"]})]  # fmt: skip
    for which, of in areas_of.items():
        panels.append((f"larger than controls: {which}", of["areas"]))
    for axes, (title, rows) in zip(grid[0], panels, strict=True):
        names = [name for name in (*SCORES, "distance") if name in rows]
        for i, name in enumerate(names):
            value, low, high = rows[name]
            kind = style.get(name, "baseline")
            error = None if low is None else [[value - low], [high - value]]
            axes.errorbar(i, value, error, color=KIND_COLOURS[kind], fmt=KIND_MARKERS[kind],
                          markersize=5)  # fmt: skip
        axes.axhline(0.5, color=GREY, linewidth=0.8)
        axes.set_xticks(range(len(names)), [said.get(n, n) for n in names], rotation=40,
                        ha="right", fontsize=8.5)  # fmt: skip
        axes.set_title(title, fontsize=9)
    grid[0][0].set_ylabel("share of eQTLs / of controls", fontsize=8.5)
    of = numbers["all"]
    title_over(figure, f"{of['pairs']} whole-blood eQTLs in reach of their gene; mean over "
               f"{' and '.join(CELLS)}; 95 %")  # fmt: skip
    return figure


@click.group()
def main() -> None:
    """Measure effects on expression against eQTLs."""


@main.command()
@click.argument("eqtls", type=click.Path(exists=True, path_type=Path))
@click.option("--genes", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="VCF.")
@click.option("--own-genes", type=click.Path(path_type=Path), required=True,
              help="Table of the genes, for scoring against these alone.")  # fmt: skip
@click.option("--force", is_flag=True)
def choose(eqtls: Path, genes: Path, output: Path, own_genes: Path, force: bool) -> None:
    """Write the variants of EQTLS within 5,526 bases of the start site of their own gene."""
    from mfdvep.files import Parts, check_outputs

    try:
        outputs = {"output": output, "own genes": own_genes}
        check_outputs(outputs, [eqtls, genes], force=force)
        of = {gene.id: gene for gene in read_tss(genes)}
        pairs = read_eqtls(eqtls)
        known = {pair: of[pair[1]] for pair in pairs if pair[1] in of}
        near = [(key, gene) for (key, _), gene in known.items()
                if gene.chrom == key[0] and abs(key[1] - 1 - gene.tss) <= REACH]  # fmt: skip
        lines = ["##fileformat=VCFv4.3", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
        for chrom, pos, ref, alt in sorted({key for key, _ in near}):
            lines.append(f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.")
        contigs = sorted({key[0] for key, _ in near})
        lines[1:1] = [f"##contig=<ID={contig}>" for contig in contigs]
        own = list(dict.fromkeys(gene for _, gene in near))
        columns = {"chrom": [gene.chrom for gene in own], "tss": [gene.tss for gene in own],
                   "strand": [gene.strand for gene in own], "gene_id": [gene.id for gene in own],
                   "gene_name": [gene.name for gene in own]}  # fmt: skip
        with Parts(output, own_genes) as parts:
            parts.write_text(output, "\n".join(lines) + "\n")
            parts.write_text(own_genes, tsv(columns))
    except MfdvepError as error:
        raise click.ClickException(str(error)) from error
    by = sum(abs(distance) <= REACH for _, distance in pairs.values())
    click.echo(
        f"{len(pairs)} eQTLs; {len(known)} of genes on the sequence; {len(near)} within {REACH} "
        f"bases of their gene's start site ({by} by GTEx's own distances, of any gene), "
        f"{len({key for key, _ in near})} variants, {len(own)} genes"
    )


@main.command("measure")
@click.argument("eqtls", type=click.Path(exists=True, path_type=Path))
@click.argument("positives", type=click.Path(exists=True, path_type=Path))
@click.option("--controls", type=(str, Path, Path), multiple=True, metavar="NAME VCF PARQUET",
              help="A set of controls and their effects; repeat.")  # fmt: skip
@click.option("--held-out", default="chr20", show_default=True, help="Comma list of contigs.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="JSON.")
@click.option("--figure", type=click.Path(path_type=Path), required=True, help="PNG.")
@click.option("--force", is_flag=True)
def measure_command(
    eqtls: Path, positives: Path, controls: Sequence[tuple[str, Path, Path]], held_out: str,
    output: Path, figure: Path, force: bool,
) -> None:  # fmt: skip
    """Compare the effects in POSITIVES with the slopes of EQTLS, and with those of controls."""
    from mfdvep.files import Parts, check_outputs
    from mfdvep.folders import write_json

    try:
        inputs = [eqtls, positives, *(path for of in controls for path in of[1:])]
        check_outputs({"output": output, "figure": figure}, inputs, force=force)
        given = (
            read_eqtls(eqtls),
            read_effects_of(positives),
            {name: (read_controls(vcf), read_effects_of(table)) for name, vcf, table in controls},
        )
        numbers = {
            "all": measure(*given),
            held_out: measure(*given, chroms=held_out.split(",")),
            f"within {AT_START} bases of the start site": measure(*given, within=AT_START),
        }
        with Parts(output, figure) as parts:
            write_json(parts[output], numbers)
            draw(numbers).savefig(parts[figure], dpi=200, format="png")
    except MfdvepError as error:
        raise click.ClickException(str(error)) from error
    for name, of in numbers.items():
        click.echo(f"{name}: {of['pairs']} pairs, {of['variants']} variants, {of['genes']} genes")
        for cell, rows in of["signs"].items():
            for score, r in rows.items():
                if r["n"]:
                    click.echo(f"  sign {cell} {score}: {r['agree']}/{r['n']} = {r['share']:.3f} "
                               f"({r['low']:.3f} to {r['high']:.3f}), p {r['p']:.2g}, "
                               f"Spearman {r['spearman']}")  # fmt: skip
            for score, r in of["mcnemar"][cell].items():
                click.echo(f"  {cell} {score} against {BASELINE} on {r['n']}: {r['only']} : "
                           f"{r['other_only']}, p {r['p']:.2g}")  # fmt: skip
        for which, cells in of["areas"].items():
            for cell, r in cells.items():
                click.echo(f"  {which} {cell}: {r['n']} eQTLs, {r['genes']} genes, "
                           f"{r['controls']} controls")  # fmt: skip
                for score, (value, low, high) in r["areas"].items():
                    click.echo(f"    {score}: {value} ({low} to {high})")


if __name__ == "__main__":
    main()
