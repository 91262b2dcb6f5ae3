"""An explanation as text for a terminal, in lines of at most 100 columns."""

from __future__ import annotations

from collections.abc import Iterator

from mfdvep.interpret.explanation.background import Background
from mfdvep.interpret.explanation.choosing import name_of
from mfdvep.interpret.explanation.explaining import Explanation
from mfdvep.interpret.explanation.groups import Group
from mfdvep.interpret.explanation.motif_changes import MotifSearch, MotifSite
from mfdvep.interpret.explanation.readings import (
    caveats,
    direction,
    how,
    in_short,
    split_groups,
    track_quantile,
    unit_of,
    what,
)
from mfdvep.interpret.explanation.trust import Trust
from mfdvep.wording import WIDTH, aligned, area, plural, shortened, signed, wrapped

N_TRACKS, N_GROUPS, N_MOTIFS = 10, 6, 12
_LEAST = 14  # letters of a name
_SHORT = {"combined": "comb", "biological": "bio", "technical": "tech"}
_SCALES = ("probability", "logit")


def terminal_text(
    explanation: Explanation,
    *,
    background: Background | None = None,
    motifs: MotifSearch | None = None,
    trust: Trust | None = None,
) -> str:
    """Return the explanation: the answer in short, tracks, groups, motifs, quantiles, caveats.

    Parameters
    ----------
    motifs
        None: none were looked for.
    """
    lines = [
        *_head(explanation),
        "",
        *_listed(in_short(explanation, background, motifs)),
        "",
        *_tracks(explanation, background),
        *_groups(explanation),
        *_motifs(motifs),
        "",
        "what this does not say",
        *_listed(caveats(explanation, background, trust)),
    ]
    return "\n".join(part for line in lines for part in wrapped(line)) + "\n"


def _head(explanation: Explanation) -> list[str]:
    said = f"  ({explanation.id})" if explanation.id else ""
    about = explanation.provenance
    return [
        f"{name_of(explanation.variant)}{said}  {what(explanation)}  status OK",
        f"{about['model']['name']}, {plural(len(explanation.tracks), 'track')}, "
        f"{about['reference']['file']}; {how(explanation)}",
    ]


def _listed(sentences: list[str]) -> list[str]:
    return [f"- {sentence}" for sentence in sentences]


def fitted(lines: list[list[str]]) -> list[str]:
    """Return lines with their cells in columns, first cells so short that they fit."""
    columns = zip(*lines, strict=True)
    first, *others = (max(map(len, column)) for column in columns)
    room = max(WIDTH - sum(width + 2 for width in others), _LEAST)
    if first > room:
        lines = [[shortened(line[0], room), *line[1:]] for line in lines]
    return aligned(lines)


def _tracks(explanation: Explanation, background: Background | None) -> Iterator[str]:
    rows = explanation.shown(N_TRACKS)
    kinds = [_SHORT[kind] for kind in explanation.kinds]
    header = ["", "", "REF", "ALT", *kinds, *kinds]
    header += [] if background is None else ["quantile"]
    lines = []
    for row in rows:
        numbers = [
            signed(float(explanation.effects[scale][kind][row]))
            for scale in _SCALES
            for kind in explanation.kinds
        ]
        combined = float(explanation.effects[explanation.scale]["combined"][row])
        line = [f"  {explanation.tracks.names[row]}", direction(combined),
                *(area(float(p)) for p in explanation.predicted[:, row]), *numbers]  # fmt: skip
        if background is not None:
            line.append(track_quantile(row, background))
        lines.append(line)
    yield (
        f"tracks with the largest combined effect ({unit_of(explanation.scale)}): probability of a "
        f"peak with REF and ALT, its change, change of log-odds"
    )
    yield from fitted([header, *lines])


def _groups(explanation: Explanation) -> Iterator[str]:
    scale = explanation.scale
    for column in dict.fromkeys(group.column for group in explanation.groups):
        many, single = split_groups(explanation, column)
        own = many or single
        yield ""
        more = f"; {N_GROUPS} of {len(own)} groups" if len(own) > N_GROUPS else ""
        more += " of two tracks or more" if many and single else ""
        yield f"by {column}: mean change of {unit_of(scale)}{more}"
        kinds = [_SHORT[kind] for kind in explanation.kinds]
        header = ["", "tracks", "up/down", *kinds, "largest", ""]
        lines = [_group_line(explanation, group) for group in own[:N_GROUPS]]
        yield from fitted([header, *lines])


def _group_line(explanation: Explanation, group: Group) -> list[str]:
    scale = explanation.scale
    effect = float(explanation.effects[scale]["combined"][group.largest])
    return [
        f"  {group.value or '(not known)'}",
        f"{group.n_tracks:,}",
        f"{group.raised:,}/{group.lowered:,}",
        *(signed(group.mean[scale][kind]) for kind in explanation.kinds),
        signed(effect),
        shortened(explanation.tracks.names[group.largest], 24),
    ]


def _motifs(motifs: MotifSearch | None) -> Iterator[str]:
    if motifs is None:
        return
    yield ""
    yield "motifs across the allele: bits of the best site in each, its 1-based start and strand"
    if not motifs.changes:
        yield "  none has a site there, or none changes"
        return
    lines = [["", "", "REF", "ALT", "threshold"]]
    for each in motifs.changes[:N_MOTIFS]:
        sites = shown_site(each.ref), shown_site(each.alt)
        lines.append([f"  {each.motif}", each.change, *sites,
                      f"{each.threshold:.1f}"])  # fmt: skip
    yield from fitted(lines)
    if len(motifs.changes) > N_MOTIFS:
        yield f"  and {len(motifs.changes) - N_MOTIFS:,} more"


def shown_site(site: MotifSite) -> str:
    """Return "12.3 at 1,612+"."""
    place = f" at {site.position + 1:,}" if site.position >= 0 else ""
    return f"{site.score:.1f}{place}{site.strand}"
