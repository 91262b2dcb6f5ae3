"""What an explanation says in sentences: the answer in short, and what it does not say."""

from __future__ import annotations

from math import floor

from mfdvep.interpret.explanation.background import Background
from mfdvep.interpret.explanation.bases import Bases
from mfdvep.interpret.explanation.explaining import Explanation
from mfdvep.interpret.explanation.groups import Group
from mfdvep.interpret.explanation.motif_changes import MotifSearch
from mfdvep.interpret.explanation.trust import Trust
from mfdvep.wording import MISSING, area, percent, plural, signed

NOTABLE = 0.05  # change of probability from which on a track is counted as moved
WEAK = 0.7  # AUROC of a half below which its effects say little
MOVERS = 2  # tracks of a group that is said to move together
_UNITS = {"probability": "probability", "logit": "log-odds"}


def unit_of(scale: str) -> str:
    """Return "probability" or "log-odds"."""
    return _UNITS[scale]


def what(explanation: Explanation) -> str:
    """Return "SNV at chr1:12,345, A to G" of the least change, long alleles by their length."""
    place = f"{explanation.contig}:{explanation.start + 1:,}"
    ref, alt = (_bases(allele) for allele in (explanation.ref, explanation.alt))
    match explanation.type:
        case "insertion":
            return f"insertion of {alt} before {place}"
        case "deletion":
            return f"deletion of {ref} at {place}"
        case "no change":
            return f"no change at {place}"
    return f"{explanation.type} at {place}, {ref} to {alt}"


def how(explanation: Explanation) -> str:
    """Return "mean of 11 shifts and both strands; ALT minus REF"."""
    n, strand = len(explanation.provenance["shifts"]), explanation.provenance["strand"]
    strands = "both strands" if strand == "both" else f"the {strand} strand"
    return f"mean of {plural(n, 'shift')} and {strands}; ALT minus REF"


def direction(effect: float) -> str:
    """Return gain, loss, or "." for neither, as MFD of `mfdvep score` does."""
    return "." if effect == 0 else "gain" if effect > 0 else "loss"


def in_short(
    explanation: Explanation, background: Background | None, motifs: MotifSearch | None
) -> list[str]:
    """Return the answer in a few sentences."""
    row, _ = explanation.largest()
    names = explanation.tracks.names
    ref, alt = explanation.predicted[:, row].tolist()
    on = {
        s: {k: float(v[row]) for k, v in kinds.items()} for s, kinds in explanation.effects.items()
    }
    halves = [kind for kind in explanation.kinds if kind != "combined"]

    def split(scale: str) -> str:
        return ", ".join(f"{kind} {signed(on[scale][kind])}" for kind in halves)

    by_half = f"; {split('probability')}" if halves else ""
    in_logits = f" ({split('logit')})" if halves else ""
    said = [
        f"{names[row]} changes most: the predicted probability of a peak is {area(ref)} with REF "
        f"and {area(alt)} with ALT ({signed(on['probability']['combined'])}{by_half}); "
        f"its log-odds change by {signed(on['logit']['combined'])}{in_logits}",
        *_technical(explanation),
        _moved(explanation),
    ]
    said += [_together(explanation, group) for group in leaders(explanation)]
    if background is not None:
        said.append(_ranked(background))
    if motifs is not None:
        changed = [each for each in motifs.changes if each.change in ("gained", "lost")]
        listed = "; ".join(
            f"{each.motif} {each.change} (score {each.ref.score:.1f} to {each.alt.score:.1f})"
            for each in changed[:5]
        )
        found = f"motifs: {listed}" if changed else "no motif is gained or lost"
        said.append(f"{found}; {looked_for(motifs)}")
    return said


def _moved(explanation: Explanation) -> str:
    effects = explanation.effects["probability"]["combined"]
    n = len(effects)
    up, down = int((effects >= NOTABLE).sum()), int((effects <= -NOTABLE).sum())
    return (
        f"of {plural(n, 'track')}, {up:,} rise and {down:,} fall by {NOTABLE:g} of probability or "
        f"more; {int((effects > 0).sum()):,} rise and {int((effects < 0).sum()):,} fall at all"
    )


def _technical(explanation: Explanation) -> list[str]:
    """Return how much of the change is technical, if that can be told."""
    shares = explanation.technical_shares(explanation.scale)
    if shares is None:
        return []
    on, overall = (
        percent(float(share)) if share == share else MISSING
        for share in (shares[0][explanation.largest()[0]], shares[1])
    )
    return [
        f"technical share (of the sizes of both halves, {unit_of(explanation.scale)}): {on} there, "
        f"{overall} over all tracks"
    ]


def leaders(explanation: Explanation) -> list[Group]:
    """Return, by column, the group of two or more tracks whose mean moves most."""
    found = []
    for column in dict.fromkeys(group.column for group in explanation.groups):
        own, _ = split_groups(explanation, column)
        own = [group for group in own if group.n_tracks < len(explanation.tracks)]
        if own:
            found.append(own[0])
    return found


def split_groups(explanation: Explanation, column: str) -> tuple[list[Group], list[Group]]:
    """Return a column's groups of two or more tracks, and those of one, in their order."""
    own = [group for group in explanation.groups if group.column == column]
    return (
        [group for group in own if group.n_tracks >= MOVERS],
        [group for group in own if group.n_tracks < MOVERS],
    )


def _together(explanation: Explanation, group: Group) -> str:
    scale = explanation.scale
    mean = group.mean[scale]
    halves = [kind for kind in explanation.kinds if kind != "combined"]
    split = ", ".join(f"{kind} {signed(mean[kind])}" for kind in halves)
    return (
        f"by {group.column}, {group.value or '(not known)'} moves most: mean "
        f"{signed(mean['combined'])} of {unit_of(scale)} over {plural(group.n_tracks, 'track')}"
        f"{f' ({split})' if split else ''}, {group.raised:,} up and {group.lowered:,} down; "
        f"the other tracks {signed(group.others[scale])}"
    )


def _ranked(background: Background) -> str:
    parts = [f"{kind} {quantile(q, background)}" for kind, q in background.largest.items()]
    return (
        f"among {plural(background.n, 'other variant')} of {background.file}, the quantile of the "
        f"largest effect in size ({unit_of(background.scale)}): {', '.join(parts)}"
    )


def quantile(value: float, background: Background) -> str:
    """Return a quantile, rounded down to the places that n variants can show; ">=" at its cap."""
    places = min(len(str(background.n)), 6)
    text = f"{floor(value * 10**places + 1e-6) / 10**places:.{places}f}"
    return f">={text}" if value >= background.cap else text


def track_quantile(row: int, background: Background) -> str:
    """Return the quantile of the combined effect on a track; "." if the background lacks it."""
    if row not in background.rows:
        return MISSING
    value = float(background.tracks["combined"][background.rows.index(row)])
    return quantile(value, background)


def looked_for(motifs: MotifSearch) -> str:
    """Return how many motifs were looked for, and how many of them chance alone would give."""
    said = (
        f"{plural(motifs.n_motifs, 'motif')} looked for at p <= {motifs.p_value:g}, of which "
        f"{motifs.by_chance:.2g} would have a site across REF if bases were random"
    )
    if motifs.too_short:
        n = plural(len(motifs.too_short), "motif")
        said += f"; {n} left out: even the best match is not so rare"
    return said


def notes_on_bases(bases: Bases) -> list[str]:
    """Return what the contributions come to."""
    targets, unit = bases.attribution.targets, bases.target.unit
    said = []
    for t, target in enumerate(targets):
        ref, alt = bases.near(t)
        most = abs(bases.attribution.scores[:, t]).max()
        said.append(
            f"{target.which}: {signed(bases.change(t))} {unit} from REF to ALT; the "
            f"{2 * bases.flank + 1} bases shown add {signed(ref)} with REF and {signed(alt)} with "
            f"ALT, against a window of N; no single base adds more than {most:.2g} in size"
        )
    largest = abs(bases.attribution.delta).max()
    steps = int(bases.attribution.n_steps.max())
    said.append(
        f"integrated gradients of {steps} steps miss the sum that they should have by at most "
        f"{largest:.2g} {unit}"
        + (
            ""
            if bases.attribution.converged.all()
            else ", which is more than 1 % of it and than .002"
        )
    )
    return said


def caveats(
    explanation: Explanation, background: Background | None, trust: Trust | None
) -> list[str]:
    """Return what the numbers do not say."""
    n = len(explanation.tracks)
    said = [
        "effects are on the middle 128 bp of a window of 1,152 bp round the variant: promoters, "
        "enhancers and domains further away are not seen, and an effect of 0 is no evidence that a "
        "variant does nothing",
    ]
    if abs(explanation.largest(scale="probability")[1]) < NOTABLE:
        said.append(
            f"no track changes by {NOTABLE:g} of probability: effects of this size come from any "
            "change of base composition too"
        )
    if n > 1:
        said.append(
            f"the largest of {plural(n, 'effect')} is shown first: some are large by chance alone, "
            "and tracks of one target or biosample are not independent"
        )
    if background is None:
        said.append(
            "whether an effect is large among those of other variants is not told without "
            "--background, a matrix of many"
        )
    else:
        said += background.differences
        said.append(
            f"a quantile among {background.n:,} variants cannot be above {background.cap:.6g}, and "
            "says how rare such an effect is among these, not that it matters"
        )
    said += _on_halves(explanation, trust)
    if len(explanation.ref) != len(explanation.alt):
        said.append(
            "the allele changes the length: bases right of it move within the window, and what "
            "leaves or enters at its end counts too"
        )
    said.append(
        "a prediction from the reference's sequence: other variants of a person nearby, "
        "methylation and cells that have no track are not in it; not for clinical use"
    )
    return said


def _on_halves(explanation: Explanation, trust: Trust | None) -> list[str]:
    if len(explanation.kinds) == 1:
        return ["the model is a plain baseline, which does not tell biology from technique"]
    said = [
        "biological and technical are what the metadata call so; they add up to the combined "
        "effect in log-odds, not in probability"
    ]
    if trust is not None and trust.kinds.get("technical", 1.0) < WEAK:
        name = explanation.provenance["model"]["name"]
        said.append(
            f"the technical half of {name} predicts little (AUROC "
            f"{area(trust.kinds['technical'])} on {', '.join(trust.contigs)}, the biological "
            f"{area(trust.kinds.get('biological'))}): a technical effect near 0 is no evidence "
            "that technique does not matter"
        )
    return said


def _bases(allele: str) -> str:
    return allele if len(allele) <= 12 else f"{allele[:9]}... ({len(allele)} bases)"
