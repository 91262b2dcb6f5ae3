"""Print what the model predicts for the example's variants beside what was planted.

    python examples/show_effects.py OUT.parquet [--all] [--tsv FILE] [--truth TRUTH.tsv]

OUT.parquet is the matrix that `mfdvep score --matrix` writes for examples/variants.vcf.gz.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from motifs import MOTIFS

QUIET = 0.25  # a 'none' allele agrees below this part of the motif's mean change when broken
CLASSES = ("break", "make", "none")
LEGEND = """\
Change = ALT minus REF of the predicted probability, mean over the tracks of the motif's own
factors (all tracks where there is no motif). Rank = place of the first own track when all {n}
tracks are ordered by the planted direction, 1 = changes most (median over alleles).
Agree: break lowers the own tracks, make raises them, none changes them by less than {quiet:.0%} of
what breaking the motif does."""


@dataclass(frozen=True)
class AlleleResult:
    """One scored allele: its row of truth, and what was predicted for it.

    `own` holds the mean combined, biological and technical effect over the own tracks (NaN where
    the model has none of them), `rank` is 1-based (0: does not apply), `combined` is (O,).
    """

    truth: dict[str, str]
    n_own: int
    own: tuple[float, float, float]
    rank: int
    combined: np.ndarray


@dataclass(frozen=True)
class ClassResult:
    """One line of the table: the alleles of a motif with one planted change.

    `n_agree` is None where the model has no track of the motif's factors.
    """

    motif: str
    effect: str
    n: int
    n_own: int
    own: tuple[float, float, float]
    rank: float
    top_track: int
    top_change: float
    n_agree: int | None


def read_truth(path: str | Path) -> dict[tuple[str, int, str, str], dict[str, str]]:
    """Return the rows of truth.tsv by (chrom, 1-based pos, ref, alt) as the VCF spells them."""
    with open(path, newline="", encoding="ascii") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    return {(r["chrom"], int(r["pos"]), r["ref"], r["alt"]): r for r in rows}


def own_tracks(targets: Sequence[str], motif: str) -> list[int]:
    """Return the tracks of the motif's factors; every track for '.', no motif."""
    if motif == ".":
        return list(range(len(targets)))
    return [i for i, target in enumerate(targets) if target in MOTIFS[motif].factors]


def join(effects, truth: dict) -> tuple[list[AlleleResult], list[tuple[str, str, str, str]]]:
    """Return the scored alleles, and (id, alt, status, expected status) of those without a score.

    Raises
    ------
    ValueError
        An allele that the truth does not hold, or the other way round.
    """
    targets = effects.tracks["target"]
    scored, unscored, seen = [], [], set()
    for i, variant in enumerate(effects.variants):
        key = (variant.chrom, variant.pos, variant.ref, variant.alt)
        if key not in truth:
            raise ValueError(f"{':'.join(map(str, key))}: not a variant of the example's truth.tsv")
        row, status = truth[key], str(effects.status[i])
        seen.add(key)
        # Nothing is planted for an allele that is there to be refused, even if it was scored.
        if status != "OK" or row["effect"] not in CLASSES:
            unscored.append((row["id"], row["alt"], status, row["status"]))
            continue
        combined = np.asarray(effects.combined[i], dtype=np.float32)  # (O,)
        own = own_tracks(targets, row["motif"])
        parts = (combined, effects.biological[i], effects.technical[i])
        means = tuple(float(np.mean(part[own])) if own else float("nan") for part in parts)
        rank = 0
        if own and row["effect"] != "none":
            toward = -combined if row["effect"] == "break" else combined
            rank = int(np.sum(toward > toward[own].max())) + 1
        scored.append(AlleleResult(row, len(own), means, rank, combined))
    if missing := truth.keys() - seen:
        raise ValueError(f"{len(missing)} variants of truth.tsv are not in the matrix; "
                         "score the whole of variants.vcf.gz")  # fmt: skip
    return scored, unscored


def sizes_when_broken(scored: Sequence[AlleleResult]) -> dict[str, float]:
    """Return the mean |combined change| of the own tracks over each motif's break alleles.

    '.' (no motif) gets the mean over the motifs; a motif without own tracks is left out.
    """
    found: dict[str, list[float]] = {}
    for allele in scored:
        if allele.truth["effect"] == "break" and allele.n_own:
            found.setdefault(allele.truth["motif"], []).append(abs(allele.own[0]))
    sizes = {motif: float(np.mean(values)) for motif, values in found.items()}
    if sizes:
        sizes["."] = float(np.mean(list(sizes.values())))
    return sizes


def agrees(allele: AlleleResult, sizes: dict[str, float]) -> bool | None:
    """Return whether the prediction has the planted direction; None where it cannot be said."""
    motif, effect, change = allele.truth["motif"], allele.truth["effect"], allele.own[0]
    if not allele.n_own or motif not in sizes:
        return None
    if effect == "none":
        return abs(change) < QUIET * sizes[motif]
    return change < 0 if effect == "break" else change > 0


def summarise(scored: Sequence[AlleleResult]) -> list[ClassResult]:
    """Return one line a motif and planted change, in the order of MOTIFS, no motif last."""
    sizes, lines = sizes_when_broken(scored), []
    for motif in (*MOTIFS, "."):
        for effect in CLASSES:
            group = [a for a in scored if (a.truth["motif"], a.truth["effect"]) == (motif, effect)]
            if not group:
                continue
            means = tuple(float(np.mean([a.own[k] for a in group])) for k in range(3))
            change = np.mean([a.combined for a in group], axis=0)  # (O,)
            top = int(np.argmax(np.abs(change)))
            verdicts = [agrees(a, sizes) for a in group]
            n_agree = None if None in verdicts else sum(map(bool, verdicts))
            rank = float(np.median([a.rank for a in group]))
            lines.append(ClassResult(motif, effect, len(group), group[0].n_own, means, rank, top,
                                     float(change[top]), n_agree))  # fmt: skip
    return lines


def track_name(tracks, row: int, width: int) -> str:
    """Return 'target biosample' of a track, cut to a width, in ASCII."""
    parts = [tracks[column][row] for column in ("target", "biosample") if column in tracks.columns]
    return " ".join(filter(None, parts)).encode("ascii", "replace").decode()[:width]


def number(value: float) -> str:
    """Return a signed change with four decimals in 8 columns, '-' where there is none."""
    return f"{value:+8.4f}" if np.isfinite(value) else f"{'-':>8}"


def table(lines: Sequence[ClassResult], tracks) -> list[str]:
    """Return the summary, at most 100 columns wide."""
    out = [f"{'motif':<7}{'planted':<8}{'n':>3}{'tracks':>7}{'combined':>10}{'biolog.':>9}"
           f"{'techn.':>9}{'rank':>6}  {'track that changes most':<33}{'agree':>6}"]  # fmt: skip
    out.append("-" * len(out[0]))
    for line in lines:
        rank = f"{line.rank:.0f}" if line.n_own and line.rank else "-"
        agree = "-" if line.n_agree is None else f"{line.n_agree}/{line.n}"
        motif = "(none)" if line.motif == "." else line.motif
        top = f"{track_name(tracks, line.top_track, 23):<24}{number(line.top_change)}"
        out.append(f"{motif:<7}{line.effect:<8}{line.n:>3}{line.n_own:>7}  "
                   f"{number(line.own[0])} {number(line.own[1])} {number(line.own[2])}"
                   f"{rank:>6}  {top:<33}{agree:>6}")  # fmt: skip
    return out


def allele_table(scored: Sequence[AlleleResult], tracks) -> list[str]:
    """Return one line an allele, at most 100 columns wide."""
    sizes = sizes_when_broken(scored)
    words = {True: "yes", False: "no", None: "-"}
    out = [f"{'variant':<16}{'where':<13}{'change':<13}{'planted':<8}{'combined':>9}{'rank':>5}"
           f"  {'track that changes most':<28}{'agree':>6}"]  # fmt: skip
    out.append("-" * len(out[0]))
    for allele in scored:
        row, top = allele.truth, int(np.argmax(np.abs(allele.combined)))
        best = f"{track_name(tracks, top, 18):<19}{number(float(allele.combined[top]))}"
        out.append(f"{row['id']:<16}{row['chrom'] + ':' + row['pos']:<13}"
                   f"{(row['ref'] + '>' + row['alt'])[:12]:<13}{row['effect']:<8}"
                   f"{number(allele.own[0]):>9}{allele.rank or '-':>5}  {best:<28}"
                   f"{words[agrees(allele, sizes)]:>6}")  # fmt: skip
    return out


def tsv(scored: Sequence[AlleleResult], tracks) -> str:
    """Return one line a scored allele, tab-separated, as expected.tsv holds them."""
    names = ("id", "alt", "motif", "effect", "combined", "biological", "technical", "rank", "top")
    lines = ["\t".join(names)]
    for allele in scored:
        row, top = allele.truth, int(np.argmax(np.abs(allele.combined)))
        means = (f"{value:.6f}" for value in allele.own)
        lines.append("\t".join([*(row[name] for name in names[:4]), *means, str(allele.rank),
                                tracks.names[top]]))  # fmt: skip
    return "\n".join(lines) + "\n"


def report(effects, truth: dict, *, every_allele: bool = False) -> str:
    """Return the text that is printed.

    Parameters
    ----------
    effects
        What `mfdvep.read_effects` returns.
    truth
        What `read_truth` returns.
    every_allele
        Add a line for every allele.
    """
    scored, unscored = join(effects, truth)
    lines = summarise(scored)
    blocks = []
    if every_allele:
        blocks.append("\n".join(allele_table(scored, effects.tracks)))
    blocks.append("\n".join(table(lines, effects.tracks)))
    blocks.append(LEGEND.format(n=len(effects.tracks["target"]), quiet=QUIET))
    told = [f"  {name} {alt}: {status}" + ("" if status == wanted else f" (expected {wanted})")
            for name, alt, status, wanted in unscored]  # fmt: skip
    if told:
        blocks.append("\n".join(["Not scored, and why:", *told]))
    judged = [line for line in lines if line.n_agree is not None and line.effect != "none"]
    right, n = sum(line.n_agree or 0 for line in judged), sum(line.n for line in judged)
    blocks.append(f"{right} of {n} alleles that break or make a motif move the tracks of its "
                  "factors as planted.")  # fmt: skip
    return "\n\n".join(blocks)


def main(arguments: Sequence[str]) -> int:
    """Print the report of the matrix named in the arguments; return the exit status."""
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description="predicted against planted effects")
    parser.add_argument("matrix", help="Parquet file of `mfdvep score --matrix`")
    parser.add_argument("--truth", default=here / "truth.tsv", help="default: the example's own")
    parser.add_argument("--all", action="store_true", help="also a line for every allele")
    parser.add_argument("--tsv", help="also write a line an allele to this file")
    options = parser.parse_args(arguments)
    # Here, so that --help and the functions above work without loading pyarrow.
    from mfdvep import read_effects
    from mfdvep.errors import MfdvepError

    try:
        effects, truth = read_effects(options.matrix), read_truth(options.truth)
        print(report(effects, truth, every_allele=options.all))
        if options.tsv:
            Path(options.tsv).write_text(tsv(join(effects, truth)[0], effects.tracks))
    except (MfdvepError, OSError, ValueError) as error:
        print(f"show_effects: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
