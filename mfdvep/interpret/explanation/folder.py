"""An explanation as a folder: a page to read, figures, and every number.

- `explanation.html`: all that matters, on one page that needs none of the other files;
- `explanation.json`: every number, not rounded, null where there is none;
- `tracks`, `groups`, `logos`, `mutagenesis`: the figures, each as PNG and SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mfdvep.folders import check_output, new_folder, write_json, writing
from mfdvep.genomics.sequences import decode
from mfdvep.interpret.explanation.background import Background
from mfdvep.interpret.explanation.bases import Bases
from mfdvep.interpret.explanation.explaining import Explanation
from mfdvep.interpret.explanation.motif_changes import MotifSearch
from mfdvep.interpret.explanation.page import page
from mfdvep.interpret.explanation.plots import draw
from mfdvep.interpret.explanation.readings import caveats, in_short
from mfdvep.interpret.explanation.trust import Trust
from mfdvep.markup import figure_of
from mfdvep.plotting import save_figures

MARKER = "explanation.json"
PAGE = "explanation.html"


def check(folder: str | Path, inputs: Sequence[Path] = (), *, force: bool = False) -> None:
    """Refuse a folder that cannot become an explanation, before any work.

    Raises
    ------
    OutputError
        See `check_output`.
    """
    check_output(folder, marker=MARKER, force=force, apart=inputs)


def write(
    explanation: Explanation,
    folder: str | Path,
    *,
    bases: Bases | None = None,
    background: Background | None = None,
    motifs: MotifSearch | None = None,
    trust: Trust | None = None,
    force: bool = False,
) -> None:
    """Write page, figures and numbers; the folder appears whole or not at all.

    Raises
    ------
    OutputError
        See `new_folder`; or the disk is full.
    """
    folder = Path(folder)
    with new_folder(folder, marker=MARKER, force=force) as part, writing(folder):
        found = numbers(explanation, bases=bases, background=background, motifs=motifs, trust=trust)
        write_json(part / MARKER, found, allow_nan=False)
        figures = draw(explanation, bases)
        save_figures(figures, part)
        html = page(
            explanation,
            {name: figure_of(part, name) for name in figures},
            bases=bases,
            background=background,
            motifs=motifs,
            trust=trust,
        )
        (part / PAGE).write_text(html, encoding="utf-8")


def numbers(
    explanation: Explanation,
    *,
    bases: Bases | None = None,
    background: Background | None = None,
    motifs: MotifSearch | None = None,
    trust: Trust | None = None,
) -> dict[str, Any]:
    """Return every number as JSON has it; what was not asked for is None.

    Lists by track are in the order of `tracks`; bases are those of the stretch that holds all
    windows, with 0-based positions, -1 where the contig has none.
    """
    variant = explanation.variant
    found: dict[str, Any] = {
        "variant": {
            "chrom": variant.chrom, "pos": variant.pos, "ref": variant.ref, "alt": variant.alt,
            "id": explanation.id or None, "status": "OK", "type": explanation.type,
            "least_change": {"contig": explanation.contig, "start": explanation.start,
                             "ref": explanation.ref, "alt": explanation.alt},
        },
        "in_short": in_short(explanation, background, motifs),
        "caveats": caveats(explanation, background, trust),
        "provenance": explanation.provenance,
        "ranked_by": explanation.scale,
        "tracks": explanation.tracks.names,
        "predicted": dict(zip(("REF", "ALT"), explanation.predicted, strict=True)),
        "effects": explanation.effects,
        "technical_share": {scale: _shares(explanation, scale) for scale in explanation.effects},
        "groups": [{**asdict(group), "n_tracks": group.n_tracks} for group in explanation.groups],
        "bases": None if bases is None else _bases(bases),
        "background": None if background is None
        else {**asdict(background), "cap": background.cap},
        "motifs": None if motifs is None else asdict(motifs),
        "held_out": None if trust is None else asdict(trust),
    }  # fmt: skip
    plain = _plain(found)
    assert isinstance(plain, dict)
    return plain


def _shares(explanation: Explanation, scale: str) -> dict[str, Any] | None:
    shares = explanation.technical_shares(scale)
    return None if shares is None else {"tracks": shares[0], "all": shares[1]}


def _bases(bases: Bases) -> dict[str, Any]:
    found, changed = bases.attribution, bases.mutagenesis
    alleles = {}
    for i, site in enumerate(bases.sites):
        alleles[site.allele] = {
            "bases": decode(site.codes),
            "positions": site.positions,
            "marked": site.marked,
            "converged": bool(found.converged[i]),
            "n_steps": int(found.n_steps[i]),
            "targets": {
                target.which: {
                    "value": found.value[i, t],
                    "baseline": found.baseline[t],
                    "delta": found.delta[i, t],
                    "integrated_gradients": found.scores[i, t],
                    "mutagenesis": changed.effects[i, t],
                }
                for t, target in enumerate(found.targets)
            },
        }
    return {
        "target": bases.target.name,
        "unit": bases.target.unit,
        "reason": bases.reason,
        "centre": bases.centre,
        "flank": bases.flank,
        "mutagenesis_first": changed.first,
        "mutagenesis_bases": "ACGT",
        "alleles": alleles,
    }


def _plain(value: Any) -> Any:
    """Return what JSON has: lists, and None for what is not finite."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
