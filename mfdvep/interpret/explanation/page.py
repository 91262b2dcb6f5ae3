"""An explanation as one HTML page, which needs no other file and no network."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mfdvep.interpret.explanation.background import Background
from mfdvep.interpret.explanation.bases import Bases
from mfdvep.interpret.explanation.choosing import name_of
from mfdvep.interpret.explanation.explaining import Explanation
from mfdvep.interpret.explanation.groups import Group
from mfdvep.interpret.explanation.motif_changes import MotifSearch
from mfdvep.interpret.explanation.readings import (
    caveats,
    direction,
    how,
    in_short,
    looked_for,
    notes_on_bases,
    quantile,
    split_groups,
    track_quantile,
    unit_of,
    what,
)
from mfdvep.interpret.explanation.terminal import shown_site
from mfdvep.interpret.explanation.trust import Trust
from mfdvep.markup import Markup, document, element, listing, section, table
from mfdvep.model.virtual import virtual_rows
from mfdvep.wording import MISSING, area, plural, probability, signed

N_TRACKS, N_GROUPS, N_MOTIFS = 20, 12, 50
_SCALES = ("probability", "logit")
_SHORT = {"probability": "P", "logit": "log-odds"}


def page(
    explanation: Explanation,
    figures: Mapping[str, Markup],
    *,
    bases: Bases | None = None,
    background: Background | None = None,
    motifs: MotifSearch | None = None,
    trust: Trust | None = None,
) -> str:
    """Return the page.

    Parameters
    ----------
    figures
        Name, as `draw` has it -> the figure as HTML.
    """
    name = name_of(explanation.variant)
    said = f" ({explanation.id})" if explanation.id else ""
    about = explanation.provenance
    return document(
        f"{name}: what it changes",
        element("h1", f"What does {name}{said} change?"),
        element("p", f"{what(explanation)}. Status OK. Predicted by {about['model']['name']} for "
                f"{plural(len(explanation.tracks), 'track')} on {about['reference']['file']}; "
                f"{how(explanation)}.", class_="quiet"),
        section("In short", listing(in_short(explanation, background, motifs))),
        section("Effects on tracks", *_tracks(explanation, figures, background, trust)),
        section("Tracks that move together", *_groups(explanation, figures)),
        section("Which bases it comes from", *_bases(explanation, bases, figures)),
        section("Motifs", *_motifs(motifs)),
        section("Among other variants", *_among(explanation, background)),
        section("What this does not say", listing(caveats(explanation, background, trust))),
        section("How this was made", *_made(explanation, bases)),
    )  # fmt: skip


def _tracks(
    explanation: Explanation,
    figures: Mapping[str, Markup],
    background: Background | None,
    trust: Trust | None,
) -> list[Markup]:
    kinds, scale = explanation.kinds, explanation.scale
    rows = explanation.shown(N_TRACKS)
    header = ["track", "", "P with REF", "P with ALT"]
    header += [f"{kind}, {_SHORT[s]}" for s in _SCALES for kind in kinds]
    header += [] if background is None else ["quantile"]
    header += [] if trust is None else ["held-out AUROC"]
    lines = []
    for row in rows:
        name = explanation.tracks.names[row]
        combined = float(explanation.effects[scale]["combined"][row])
        line = [name, direction(combined), *map(area, explanation.predicted[:, row].tolist())]
        effects = [explanation.effects[s][kind][row] for s in _SCALES for kind in kinds]
        line += [signed(float(effect)) for effect in effects]
        if background is not None:
            line.append(track_quantile(row, background))
        if trust is not None:
            line.append(area(trust.tracks.get(name)))
        lines.append(line)
    n_virtual = len(virtual_rows(explanation.tracks))
    virtual = f", and {plural(n_virtual, 'virtual track')}" if n_virtual else ""
    rule = (
        f"The {min(N_TRACKS, len(rows))} of {len(explanation.tracks):,} tracks with the largest "
        f"combined effect on {unit_of(scale)}{virtual}. P: predicted probability of a peak. "
        "Log-odds: biological and technical add up to combined."
    )
    if trust is not None:
        rule += (
            f" Held-out AUROC: how well the model predicts the track on "
            f"{', '.join(trust.contigs)} (0.5: not at all); trust an effect no more than it."
        )
    return [
        _largest(explanation),
        figures.get("tracks", Markup()),
        element("p", rule),
        table(header, lines, n_text=2),
    ]


def _largest(explanation: Explanation) -> Markup:
    """Return a table of the largest effect of each kind, on both scales."""
    lines = []
    for scale in _SCALES:
        for kind in explanation.kinds:
            row, effect = explanation.largest(kind, scale=scale)
            lines.append([kind, unit_of(scale), explanation.tracks.names[row], signed(effect)])
    return table(["largest effect", "change of", "track", ""], lines, n_text=3)


def _groups(explanation: Explanation, figures: Mapping[str, Markup]) -> list[Markup]:
    scale = explanation.scale
    rule = (
        f"Means over all tracks that share a value, of the change of {unit_of(scale)}; ranked by "
        "the combined mean. Up and down: tracks that rise and fall. Others: the combined mean over "
        "all other tracks."
    )
    body = [figures.get("groups", Markup()), element("p", rule)]
    for column in dict.fromkeys(group.column for group in explanation.groups):
        many, single = split_groups(explanation, column)
        own, rest = (many[:N_GROUPS], [*many[N_GROUPS:], *single])
        own, rest = (own, rest) if own else (rest[:N_GROUPS], rest[N_GROUPS:])
        header = [column, "tracks", "up", "down", *explanation.kinds, "others", "range", "largest",
                  "on track"]  # fmt: skip
        body.append(table(header, [_group(explanation, group) for group in own]))
        if rest:
            more = f"The other {len(rest):,} by {column}, those of one track last"
            lines = [_group(explanation, group) for group in rest]
            body.append(element("details", element("summary", more), table(header, lines)))
    return body


def _group(explanation: Explanation, group: Group) -> list[str]:
    scale = explanation.scale
    others = group.others[scale]
    return [
        group.value or "(not known)",
        f"{group.n_tracks:,}",
        f"{group.raised:,}",
        f"{group.lowered:,}",
        *(signed(group.mean[scale][kind]) for kind in explanation.kinds),
        signed(others) if others == others else MISSING,
        f"{signed(group.low[scale])} to {signed(group.high[scale])}",
        signed(float(explanation.effects[scale]["combined"][group.largest])),
        explanation.tracks.names[group.largest],
    ]


def _bases(
    explanation: Explanation, bases: Bases | None, figures: Mapping[str, Markup]
) -> list[Markup]:
    if bases is None:
        return []
    return [
        element("p", f"Target: {bases.target.name} ({bases.reason}). The height of a letter is "
                f"what its base adds to the target, in {bases.target.unit}, against a window of N; "
                "all panels share one scale: a half that adds little looks flat. Shaded: the "
                "allele."),
        figures.get("logos", Markup()),
        listing(notes_on_bases(bases)),
        element("p", "What every other base in its place would change, computed exactly: red "
                "raises the target, blue lowers it, a dot is the base that is there. The windows "
                "stay where they are."),
        figures.get("mutagenesis", Markup()),
    ]  # fmt: skip


def _motifs(motifs: MotifSearch | None) -> list[Markup]:
    if motifs is None:
        return []
    if not motifs.changes:
        none = f"No motif has a site across the allele that changes; {looked_for(motifs)}."
        return [element("p", none)]
    rule = (
        "The best site of each motif that the allele touches, on either strand: bits against "
        "uniform bases, the 1-based start and the strand. A site counts from the threshold on: "
        "gained or lost if it is in one allele alone. A motif is a guess at what binds; factors "
        f"share motifs. {looked_for(motifs)}."
    )
    header = ["motif", "", "REF", "ALT", "difference", "threshold", "p in REF", "p in ALT",
              "bases in REF", "bases in ALT"]  # fmt: skip
    lines = [[each.motif, each.change, shown_site(each.ref), shown_site(each.alt),
              f"{each.difference:+.1f}", f"{each.threshold:.1f}", probability(each.ref.p_value),
              probability(each.alt.p_value), each.ref.bases, each.alt.bases]
             for each in motifs.changes[:N_MOTIFS]]  # fmt: skip
    more = len(motifs.changes) - N_MOTIFS
    rest = [element("p", f"{more:,} more are in the JSON file.")] if more > 0 else []
    return [element("p", rule), table(header, lines, n_text=2), *rest]


def _among(explanation: Explanation, background: Background | None) -> list[Markup]:
    if background is None:
        return []
    rule = (
        f"{background.file} has {plural(background.n, 'other variant')} with effects, on "
        f"{unit_of(background.scale)}. A quantile is the share of them whose effect is smaller in "
        f"size; it cannot be above 1 - 1/{background.n:,}."
    )
    lines = []
    for kind, value in background.largest.items():
        effects = abs(explanation.effects[background.scale][kind][list(background.rows)])
        lines.append([kind, f"{effects.max():.4g}", quantile(value, background)])
    return [element("p", rule), table(["kind", "largest |effect|", "quantile"], lines)]


def _made(explanation: Explanation, bases: Bases | None) -> list[Markup]:
    about = dict(explanation.provenance)
    command = about.pop("command", "")
    if bases is not None:
        about["target"] = bases.target.name
    text = json.dumps(about, indent=1, ensure_ascii=False, default=str)
    return [
        element("pre", command) if command else Markup(),
        table(
            [],
            [
                ["model", f"{about['model']['name']}, sha256 {about['model']['sha256']}"],
                ["reference", f"{about['reference']['file']}, fingerprint "
                 f"{about['reference']['fingerprint']} (names and lengths of its contigs)"],
                ["mfdvep", str(about.get("mfdvep", MISSING))],
            ],
            long=True,
        ),
        element("details", element("summary", "All settings"), element("pre", text)),
        element("p", "All numbers, of all tracks and bases, are in explanation.json beside this "
                "page; the figures are there as PNG and SVG.", class_="quiet"),
    ]  # fmt: skip
