"""Print the tables of comparisons of models of expression, as Markdown.

    python train/show_expression.py runs/comparison [runs/cells]

Each folder is one that `mfdvep expression compare` wrote; the tables of one follow those of the one
before.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from mfdvep.wording import area, interval, probability, signed

Rows = list[dict[str, Any]]
SETTINGS = {"one": "the cell itself", "all": "all cells", "others": "the other cells"}


def table(header: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def areas(models: Rows, setting: str) -> str:
    """Return the AUROC of each model and number of training genes, a column a cell."""
    chosen = [row for row in models if row["setting"] == setting]
    cells = list(dict.fromkeys(row["cell"] for row in chosen))
    found = {(row["genes"], row["model"], row["cell"]): row for row in chosen}
    lines = []
    for genes, model in sorted(dict.fromkeys(key[:2] for key in found), key=lambda key: key[0]):
        of_cells = [found[genes, model, cell] for cell in cells]
        texts = [
            f"{area(row['auroc'])} ({interval(row['low'], row['high'], text=area)})"
            for row in of_cells
        ]
        lines.append([f"{genes:,}", model, str(of_cells[0]["seeds"]), *texts])
    return table(["training genes", "model", "seeds", *cells], lines)


def gaps(differences: Rows, *, second: tuple[str, ...], setting: str) -> str:
    """Return differences of ours to other models, or settings, a line each."""
    lines = [
        [
            f"{row['genes']:,}",
            f"{row['first']} - {row['second']}",
            row["cell"],
            signed(row["difference"]),
            interval(row["low"], row["high"], text=signed),
            probability(row["q"]),
        ]
        for row in sorted(differences, key=lambda row: (row["genes"], row["first"]))
        if row["setting"] == row["second_setting"] == setting and row["second"] in second
    ]
    return table(["training genes", "models", "cell", "difference", "95 %", "q"], lines)


def of_settings(differences: Rows) -> str:
    """Return differences of ours trained on all or other cells to ours trained on the cell."""
    lines = [
        [
            f"{SETTINGS[row['setting']]} - {SETTINGS[row['second_setting']]}",
            f"{row['genes']:,}",
            row["cell"],
            signed(row["difference"]),
            interval(row["low"], row["high"], text=signed),
            probability(row["q"]),
        ]
        for row in differences
        if row["setting"] != row["second_setting"]
    ]
    return table(["trained on", "training genes", "cell", "difference", "95 %", "q"], lines)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
def main(folders: tuple[Path, ...]) -> None:
    """Print the tables of comparisons in FOLDERS.

    \b
    Example:
      python train/show_expression.py runs/comparison > tables.md
    """
    for folder in folders:
        record = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
        models, differences = record["models"], record["differences"]
        click.echo(f"`{record['provenance']['command']}`\n")
        for setting in dict.fromkeys(row["setting"] for row in models):
            click.echo(f"Trained on {SETTINGS[setting]}\n\n{areas(models, setting)}\n")
            click.echo(
                gaps(differences, second=("boosting", "logistic", "cnn"), setting=setting) + "\n"
            )
        click.echo(gaps(differences, second=("simplechrome",), setting="one") + "\n")
        click.echo(of_settings(differences) + "\n")


if __name__ == "__main__":
    main()
