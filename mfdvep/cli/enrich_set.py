"""The labelled sets of the data folder, scored where they are not scored yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mfdvep.cli.data_folder import labelled_set
from mfdvep.cli.progress import progress_bar
from mfdvep.errors import InputError
from mfdvep.files import sha256

SHIFTS = {"gtex": "11", "gnomad": "7"}
"""Source: science.md "Variant effects": what the paper's runs averaged over."""
_LABEL = "LABEL"


def scored_set(preset: str, given: dict[str, Any]) -> Path:
    """Return the matrix of the labelled set of a preset, scored now if it is not there.

    It lies beside the set, named by what it was made of: SET-HASH.MODEL-HASH.parquet. One of
    another reference than the one that is given is made again.

    Parameters
    ----------
    given
        The command's data, fasta, model, threads and quiet.

    Raises
    ------
    InputError
        There is no such set, or it must be scored and no reference is given: the message has the
        command that is next.
    """
    from mfdvep.model.checkpoint import DEFAULT_MODEL, load_model

    labelled = labelled_set(given["data"], preset)
    if not labelled.is_file():
        raise InputError(
            f"no labelled set {labelled}; make it with: mfdvep variants {preset} ... -o {labelled} "
            f"(mfdvep variants {preset} --help), or give SCORES"
        )
    model = load_model(given["model"] or DEFAULT_MODEL)
    name, digest = model.provenance["name"], model.provenance["sha256"]
    stem = f"{preset}-{sha256(labelled)[:8]}.{name}-{digest[:8]}"
    matrix = labelled.with_name(f"{stem}.parquet")
    if matrix.is_file() and _is_of_reference(matrix, given["fasta"]):
        return matrix
    if given["fasta"] is None:
        raise InputError(
            f"{labelled} is not scored with {name} yet; give the reference, -f genome.fa or "
            "MFDVEP_FASTA, and it will be"
        )
    try:
        _score(labelled, matrix, labelled.with_name(f"{stem}.mfd.vcf.gz"), model, preset, given)
    except BaseException as error:
        if not isinstance(error, Exception):  # the scorer's note names an option of mfdvep score
            error.__notes__ = ["what is scored stays; the same command goes on with it"]
        raise
    return matrix


def _is_of_reference(matrix: Path, fasta: str | None) -> bool:
    """Return whether a matrix was scored on this reference; True where none is given."""
    from mfdvep.genomics.genome import Genome
    from mfdvep.scoring.effect_file import EffectFile

    if fasta is None:
        return True
    with Genome(fasta) as genome:
        return EffectFile(matrix).provenance["reference"]["fingerprint"] == genome.fingerprint


def _score(
    labelled: Path, matrix: Path, output: Path, model: Any, preset: str, given: dict[str, Any]
) -> None:
    import torch

    from mfdvep.genomics.genome import Genome
    from mfdvep.scoring.pipeline import score_vcf
    from mfdvep.scoring.scorer import Scorer

    if given["threads"]:
        torch.set_num_threads(given["threads"])
    with (
        Genome(given["fasta"]) as genome,
        progress_bar("scoring", "records", quiet=given["quiet"]) as bar,
    ):
        scorer = Scorer(model, genome, shifts=SHIFTS[preset])
        summary = score_vcf(
            labelled,
            scorer,
            output,
            matrix=matrix,
            labels=_LABEL,
            resume=True,
            force=True,
            progress=bar,
        )
    if not given["quiet"]:
        click.echo(f"{matrix}: {summary.alleles} alleles, {summary.unscored} without a score",
                   err=True)  # fmt: skip
