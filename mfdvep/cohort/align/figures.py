"""Figures of an alignment: retrieval against its null, probes by size, genes, associations."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mfdvep.cohort.align.evaluating import INPUT, PRETRAINED, UNTRAINED, Evaluation, Row
from mfdvep.cohort.align.explaining import Explanation, ModalityExplanation
from mfdvep.cohort.align.probing import CLASSES
from mfdvep.cohort.align.retrieval import PERCENTILE
from mfdvep.plotting import BLACK, GREY, GROUP_COLOURS, new_grid
from mfdvep.wording import shortened

_LOOKS = {PRETRAINED: (GROUP_COLOURS[0], "o"), UNTRAINED: (GROUP_COLOURS[1], "s"),
          INPUT: (GREY, "D")}  # fmt: skip
_MOST_GENES, _MOST_LETTERS = 25, 30


def evaluation_figures(found: Evaluation) -> dict[str, Figure]:
    """Return the figures by name: retrieval, and probe if there are probes."""
    figures = {"retrieval": retrieval_figure(found.retrieval)}
    if found.probes:
        figures["probe"] = probe_figure(found.probes)
    return figures


def explanation_figures(found: Explanation) -> dict[str, Figure]:
    """Return the figures by name: genes, associations."""
    return {
        "genes": genes_figure(found.modalities),
        "associations": association_figure(found.modalities),
    }


def retrieval_figure(rows: list[Row]) -> Figure:
    """Return a panel a measure: values with intervals, and where pairs at random lie."""
    measures = list(dict.fromkeys(row["measure"] for row in rows))
    cases = list(dict.fromkeys((row["modality"], row["direction"]) for row in rows))
    figure, (panels,) = new_grid(
        2.2 + 2.0 * len(measures), 1.3 + 0.34 * len(cases), columns=len(measures), share="row"
    )
    for axes, measure in zip(panels, measures, strict=True):
        for y, case in enumerate(cases):
            row = next(r for r in rows if (r["modality"], r["direction"]) == case
                       and r["measure"] == measure)  # fmt: skip
            axes.barh(y, row["null_999"] - row["null_low"], left=row["null_low"], height=0.62,
                      color="#e3e3e3")  # fmt: skip
            axes.barh(y, row["null_95"] - row["null_low"], left=row["null_low"], height=0.62,
                      color="#bdbdbd")  # fmt: skip
            axes.plot([row["low"], row["high"]], [y, y], color=GROUP_COLOURS[0], linewidth=1.4)
            axes.plot(row["value"], y, "o", color=GROUP_COLOURS[0], markersize=4.5)
        if measure != PERCENTILE:
            axes.set_xlim(left=0)
        axes.set_title(measure.replace("_", " "), fontsize=9)
        axes.xaxis.set_major_formatter(lambda x, _: f"{100 * x:.3g} %")
        axes.tick_params(axis="x", labelsize=7.5)
        axes.locator_params(axis="x", nbins=4)
    names = [f"{shortened(modality, 20)}: {direction}" for modality, direction in cases]
    panels[0].set_yticks(range(len(cases)), names)
    panels[0].set_ylim(len(cases) - 0.4, -0.6)
    handles = [
        Line2D([], [], color=GROUP_COLOURS[0], marker="o", markersize=4.5, label="own pairs, 95 %"),
        Patch(color="#bdbdbd", label="pairs at random, 5 to 95 %"),
        Patch(color="#e3e3e3", label="to 99.9 %"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def probe_figure(rows: list[Row]) -> Figure:
    """Return a panel a phenotype: the measure by the number of labelled people."""
    phenotypes = list(dict.fromkeys(row["phenotype"] for row in rows))
    figure, (panels,) = new_grid(1.0 + 3.3 * len(phenotypes), 3.0, columns=len(phenotypes))
    for axes, phenotype in zip(panels, phenotypes, strict=True):
        own = [row for row in rows if row["phenotype"] == phenotype]
        for i, (name, (colour, mark)) in enumerate(_LOOKS.items()):
            line = [row for row in own if row["features"] == name]
            x = np.array([row["size"] for row in line]) * 1.05 ** (i - 1)  # side by side
            low, high = ([row[end] for row in line] for end in ("low", "high"))
            axes.plot(x, [row["value"] for row in line], mark, color=colour, markersize=4.5,
                      linestyle="-", linewidth=1)  # fmt: skip
            axes.vlines(x, low, high, color=colour, linewidth=1.2)
        axes.set_xscale("log")
        sizes = sorted({row["size"] for row in own})
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel("labelled people", fontsize=8.5)
        measure = own[0]["measure"]
        axes.set_ylabel("AUROC" if measure == CLASSES else measure, fontsize=8.5)
        axes.set_title(shortened(phenotype, 40), fontsize=9)
    handles = [
        Line2D([], [], color=colour, marker=mark, markersize=4.5, label=name)
        for name, (colour, mark) in _LOOKS.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def genes_figure(modalities: tuple[ModalityExplanation, ...]) -> Figure:
    """Return a panel a modality: the regions that carry most, with 95 % intervals."""
    rows = max(min(_MOST_GENES, len(own.genes.names)) for own in modalities)
    figure, (panels,) = new_grid(
        0.6 + 4.0 * len(modalities), 1.2 + 0.19 * rows, columns=len(modalities)
    )
    for axes, own in zip(panels, modalities, strict=True):
        order = own.genes.order[:_MOST_GENES]
        y = np.arange(len(order))
        axes.hlines(y, own.genes.low[order], own.genes.high[order], color=GROUP_COLOURS[0])
        axes.plot(own.genes.mean[order], y, "o", color=GROUP_COLOURS[0], markersize=4)
        axes.set_yticks(y, [shortened(own.genes.names[i], _MOST_LETTERS) for i in order])
        axes.set_ylim(rows - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.set_title(own.name, fontsize=9)
        axes.set_xlabel(f"mean |attribution| over {own.n:,} held-out people, 95 %", fontsize=8.5)
        axes.grid(axis="x", color="#ececec", linewidth=0.6)
        axes.set_axisbelow(True)
    return figure


def association_figure(modalities: tuple[ModalityExplanation, ...]) -> Figure:
    """Return a panel a modality: p of all tests against what chance gives, with lambda."""
    figure, (panels,) = new_grid(0.6 + 3.4 * len(modalities), 3.3, columns=len(modalities))
    for axes, own in zip(panels, modalities, strict=True):
        p = own.associations.p[np.isfinite(own.associations.p)]
        if not len(p):
            axes.set_title(f"{own.name}: no column varies", fontsize=9)
            continue
        seen = -np.log10(np.maximum(np.sort(p), 1e-300))
        expected = -np.log10((np.arange(len(p)) + 0.5) / len(p))
        axes.plot([0, expected.max()], [0, expected.max()], color=GREY, linewidth=0.8)
        axes.plot(expected, seen, "o", color=GROUP_COLOURS[0], markersize=3)
        axes.axhline(-np.log10(0.05 / len(p)), color=BLACK, linewidth=0.8, linestyle=":")
        k = np.unravel_index(np.nanargmin(own.associations.p), own.associations.p.shape)
        axes.annotate(
            f"{shortened(own.tested[k[1]], 30)}, component {k[0] + 1}", (expected[0], seen[0]),
            xytext=(4, 5), textcoords="offset points", ha="right", va="bottom", fontsize=7.5,
        )  # fmt: skip
        axes.set_ylim(top=1.1 * max(seen[0], -np.log10(0.05 / len(p))))
        middle = np.nanmedian(own.associations.inflation)
        axes.set_title(f"{own.name}: median lambda {middle:.2f}", fontsize=9)
        axes.set_xlabel("-log10 p expected by chance", fontsize=8.5)
        axes.set_ylabel("-log10 p (dotted: 5 % by Bonferroni)", fontsize=8.5)
    return figure
