"""`mfdvep calibrate`: how large effects are in a background of variants, as a table."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from mfdvep.cli.command import as_typed
from mfdvep.cli.progress import progress_bar
from mfdvep.cli.track_options import chosen, track_files, track_options
from mfdvep.errors import InputError, OutputError

if TYPE_CHECKING:
    from mfdvep.scoring.calibration import Calibration

_PATH = click.Path(path_type=Path)
_OF_SCORER = ("shifts", "strand", "scale", "device")


@click.command()
@click.argument("background", type=_PATH, required=False)
@click.option("--matrix", type=_PATH, help="Effects of a background that is scored already "
              "(mfdvep score --matrix), instead of BACKGROUND.")  # fmt: skip
@click.option("-f", "--fasta", envvar="MFDVEP_FASTA", help="Indexed reference.")
@click.option("-m", "--model", help="Bundled model or model folder.  [default: the bundled one]")
@click.option("-o", "--output", type=_PATH, help="The table.  [default: calibration.parquet in the "
              "folder that -m names, where mfdvep score finds it]")  # fmt: skip
@click.option("--min-af", type=click.FloatRange(0, 1), help="Only ALTs whose INFO AF is at least "
              "this (of --matrix: that keeps it, mfdvep score --info AF).")  # fmt: skip
@track_options
@click.option("--shifts", default="11", show_default=True, help="A count, or offsets like -2,0,2.")
@click.option("--strand", type=click.Choice(["both", "forward", "reverse"]), default="both",
              show_default=True, help="Strands that effects are averaged over.")  # fmt: skip
@click.option("--scale", type=click.Choice(["probability", "logit"]), default="probability",
              show_default=True, help="Of the effects; logit: of log-odds.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--threads", type=click.IntRange(1, 4096), help="CPU threads; default: all cores.")
@click.option("--force", is_flag=True, help="Overwrite the table.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def calibrate(
    background: Path | None, matrix: Path | None, output: Path | None, **given: Any
) -> None:
    """Make the table that tells whether an effect is large, from the effects of BACKGROUND.

    BACKGROUND is a VCF, BCF or Parquet file of variants that are mostly without function, such as
    common ones, in sequence like that of the variants to be judged: some regions have larger
    effects than others. With the table `mfdvep score` says of every effect which share of them has
    a smaller one: signed quantiles, by track and kind, and of the largest effect over all tracks.
    They cannot tell more than 1 - 1/n, with n the scored ALTs. A table is for one model, scale and
    strand, the same shifts, and for MFD_Q the same tracks.

    A background of millions is better scored by `mfdvep score --matrix`, which can be resumed, and
    given as --matrix.

    \b
    Example:
      mfdvep calibrate 1000g.vcf.gz --min-af 0.05 -f genome.fa -o common.parquet
      mfdvep score in.vcf.gz -f genome.fa --calibration common.parquet
    """
    from mfdvep.files import Parts, check_outputs
    from mfdvep.scoring.calibration_file import CALIBRATION, write_calibration

    _check_choice(background, matrix, output, given)
    table = output or _own_table(given["model"])
    inputs = [path for path in (background, matrix) if path is not None]
    inputs += [Path(given["fasta"])] if given["fasta"] else []
    # the model's own table may be replaced, its other files not
    inputs += [file for file in track_files(given) if file.name != CALIBRATION]
    check_outputs({"table": table}, inputs, force=given["force"])
    if table.suffix != ".parquet":
        raise OutputError(f"{table}: expected a name that ends in .parquet")
    if matrix is not None:
        _check_matrix(matrix, output is None, given)
        found = _made(matrix, None, given)
    else:
        assert background is not None
        with TemporaryDirectory(dir=table.parent, prefix=f".{table.name}.") as folder:
            scored = Path(folder) / "matrix.parquet"
            _score(background, scored, given)
            found = _made(scored, background, given)
    with Parts(table) as parts:
        write_calibration(found, parts[table])
    if not given["quiet"]:
        click.echo(
            f"{table}: {found.n:,} scored ALTs on {len(found.names):,} tracks; no quantile is "
            f"above 1 - 1/{found.n:,}",
            err=True,
        )


def _check_choice(
    background: Path | None, matrix: Path | None, output: Path | None, given: dict[str, Any]
) -> None:
    choice = any(given[name] for name in ("where", "tracks", "virtual"))
    if (background is None) == (matrix is None):
        raise click.UsageError("give BACKGROUND to be scored, or --matrix; one of them")
    if background is not None and given["fasta"] is None:
        raise click.UsageError("BACKGROUND is scored on a reference; give it with -f")
    if (background is not None and background.exists() is not background.is_file()) or (
        str(background) == "-"
    ):
        raise click.UsageError(
            "BACKGROUND is read more than once: give a file, or score the stream first (mfdvep "
            "score --matrix) and give --matrix"
        )
    of_scoring = ("fasta", *_OF_SCORER, "threads")
    source = click.get_current_context().get_parameter_source
    typed = [name for name in of_scoring if source(name) is ParameterSource.COMMANDLINE]
    if matrix is not None and typed:
        raise click.UsageError(f"--{typed[0]} is of scoring; --matrix is scored already")
    if matrix is not None and choice:
        raise click.UsageError(
            "--where, --tracks and --virtual choose what is scored; --matrix has its tracks"
        )
    if output is None and choice:
        raise click.UsageError("a table of some tracks is not the model's own; give it a name: -o")


def _check_matrix(matrix: Path, is_own: bool, given: dict[str, Any]) -> None:
    """Raise InputError unless a matrix is of the model that is named; as its own, of all tracks."""
    from mfdvep.model.checkpoint import load_model
    from mfdvep.scoring.effect_file import EffectFile

    if given["model"] is None:
        return
    file, model = EffectFile(matrix), load_model(given["model"])
    other = file.provenance.get("model", {})
    if other.get("sha256") != model.provenance["sha256"]:
        raise InputError(
            f"{matrix}: effects of the model {other.get('name', 'unknown')} (sha256 "
            f"{str(other.get('sha256', 'unknown'))[:12]}), not of {given['model']} "
            f"({model.provenance['sha256'][:12]}); score the background with that"
        )
    if is_own and file.tracks.names != model.tracks.names:
        raise InputError(
            f"{matrix}: {len(file.tracks)} tracks are not the {len(model.tracks)} of the model, "
            "whose own table is of all; give the table a name: -o"
        )


def _own_table(model: str | None) -> Path:
    """Return where a table lies beside the weights of a model that is given as a folder."""
    from mfdvep.model.checkpoint import is_model
    from mfdvep.scoring.calibration_file import CALIBRATION

    if model is None or not is_model(model):
        raise click.UsageError(
            "the folder of a bundled model is not written to; give the table a name: -o"
        )
    if not os.access(model, os.W_OK):
        raise click.UsageError(f"{model} cannot be written to; give the table a name: -o")
    return Path(model) / CALIBRATION


def _score(background: Path, matrix: Path, given: dict[str, Any]) -> None:
    import torch

    from mfdvep.genomics.genome import Genome
    from mfdvep.scoring.calibrating import score_background
    from mfdvep.scoring.scorer import Scorer

    if given["threads"]:
        torch.set_num_threads(given["threads"])
    with Genome(given["fasta"]) as genome:
        model, rows = chosen(given["model"], given)
        scorer = Scorer(model, genome, tracks=rows, **{name: given[name] for name in _OF_SCORER})
        with progress_bar("scoring", "records", quiet=given["quiet"]) as bar:
            score_background(background, scorer, matrix, min_af=given["min_af"], progress=bar)


def _made(matrix: Path, background: Path | None, given: dict[str, Any]) -> Calibration:
    from mfdvep.scoring.calibrating import calibrate

    with progress_bar("sorting", "tracks", quiet=given["quiet"]) as bar:
        return calibrate(
            matrix,
            background=background,
            min_af=given["min_af"],
            command=as_typed(),
            progress=bar,
        )
