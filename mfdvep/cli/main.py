"""The `mfdvep` command: finds the subcommand, and shows an error as one line."""

from __future__ import annotations

import signal
import sys
import warnings

import click

from mfdvep import __version__
from mfdvep.cli.lazy import LazyGroup
from mfdvep.errors import MfdvepError, one_line

COMMANDS = {
    "score": "Annotate a VCF with effects split into biology and technique.",
    "calibrate": "Make the table that gives effects quantiles, from a background.",
    "query": "Give effects on any tracks from stored features of alleles.",
    "encode": "Choose ENCODE experiments and download their peaks.",
    "prepare": "Make a training set from peaks, metadata and a genome.",
    "train": "Train a model from a recipe and a training set.",
    "sweep": "Train a recipe with several lambdas and seeds, into one table.",
    "evaluate": "Measure a model on held-out contigs.",
    "impute": "Measure how well metadata predict experiments left out of training.",
    "variants": "Make sets of variants with labels, to score and to test.",
    "enrich": "Tell how well effects separate causal from neutral variants.",
    "attribute": "Tell which bases a prediction comes from, by biology and technique.",
    "explain-variant": "Tell what one allele changes, on one page.",
    "profile": "Average contributions round a motif or footprints, by direct feature.",
    "features": "Latent features of regions, sequences or variants, as Parquet.",
    "probe": "Tell how well latent features predict labels of regions, by half.",
    "probe-labels": "Make regions and labels from FANTOM5, VISTA, or a BED of classes.",
    "expression": "Predict genes' expression from marks, and what variants change of it.",
    "burden": "Sum effects over each person's variants, per gene or region.",
    "align": "Align images of people with their genetics, and tell which genes carry it.",
    "models": "List the bundled models.",
    "tracks": "List, filter and count the tracks of a model.",
    "selftest": "Say how exact and how fast scoring is on this machine.",
}


_TERMINATED = 128 + signal.SIGTERM


@click.group(
    cls=LazyGroup,
    told=COMMANDS,
    modules={"profile": "profiles"},  # Python has a module `profile`
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "-V", "--version", prog_name="mfdvep")
def mfdvep() -> None:
    """Variant effects on regulatory experiments, split into biology and technique.

    \b
    Example:
      mfdvep score in.vcf.gz -f genome.fa -o out.vcf.gz --matrix out.parquet
    """


def main() -> None:
    """Run the command line; exit 0 done, 1 error, 2 usage, 130 interrupted, 143 terminated."""
    signal.signal(signal.SIGTERM, _terminate)
    warnings.showwarning = _warn  # type: ignore[assignment]
    try:
        status = mfdvep.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        click.echo("mfdvep: interrupted", err=True)
        _tell_notes(error.__cause__ or error)
        status = 130
    except MfdvepError as error:
        click.echo(f"mfdvep: error: {error}", err=True)
        _tell_notes(error)
        status = 1
    except OSError as error:  # of standard output or error; files are the library's
        click.echo(f"mfdvep: error: {error}", err=True)
        status = 1
    except SystemExit as stop:
        if stop.code == _TERMINATED:
            click.echo("mfdvep: terminated", err=True)
        _tell_notes(stop)
        raise
    sys.exit(status if isinstance(status, int) else 0)


def _warn(message: Warning | str, *where: object, **more: object) -> None:
    """Show a warning as one line, without the place in the code, and beside a progress bar."""
    from tqdm import tqdm

    tqdm.write(f"mfdvep: warning: {one_line(str(message))}", file=sys.stderr)


def _terminate(number: int, frame: object) -> None:
    """End as an interruption does, with what is finished kept."""
    raise SystemExit(_TERMINATED)


def _tell_notes(error: BaseException) -> None:
    """Show what the library has noted on an error, such as how to go on."""
    for note in getattr(error, "__notes__", ()):
        click.echo(f"mfdvep: {note}", err=True)
