"""Burdens from a cohort and scores: the inputs are checked, read once, and written whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mfdvep import __version__
from mfdvep.cohort.accumulator import Accumulator
from mfdvep.cohort.burdens import Burdens
from mfdvep.cohort.counting import USED, Pass, Seen, Tally
from mfdvep.cohort.options import BurdenOptions
from mfdvep.cohort.outputs import output_files, stem_of, write_burdens
from mfdvep.cohort.people import choose_people
from mfdvep.cohort.region_set import RegionSet, read_regions
from mfdvep.cohort.score_index import ScoreIndex
from mfdvep.cohort.set_files import SetFiles, regenie_files, saige_files
from mfdvep.cohort.spelling import Speller
from mfdvep.cohort.variant_table import VariantTable
from mfdvep.cohort.weighting import Weighting, parse_weightings
from mfdvep.errors import InputError
from mfdvep.files import Parts, check_outputs, sha256
from mfdvep.folders import writing
from mfdvep.genomics.genome import Genome
from mfdvep.genomics.genotypes import Genotypes
from mfdvep.model.selection import select
from mfdvep.scoring.effect_file import EffectFile

_SHORTEST_DIGEST = 8


def burden(
    cohort: str | Path,
    scores: str | Path,
    regions: str | Path,
    output: str | Path,
    *,
    options: BurdenOptions | None = None,
    regenie: str | Path | None = None,
    saige: str | Path | None = None,
    force: bool = False,
    command: str = "",
    progress: Callable[..., None] | None = None,
    progress_of_scores: Callable[..., None] | None = None,
) -> dict[str, Any]:
    """Write the burdens of people in regions, and return the run's record.

    A burden is the sum over the ALTs in a region of weight times dosage. Beside the output,
    NAME.stats.json is the record, and NAME.variants.tsv.gz tells of each ALT in a region.

    Parameters
    ----------
    cohort
        VCF or BCF with genotypes.
    scores
        Matrix of `mfdvep score --matrix` or `mfdvep query`.
    regions
        See `read_regions`.
    output
        NAME.parquet, .tsv, .tsv.gz, .h5 (ContIG's layout) or .h5ad.
    options
        None: the defaults.
    regenie, saige
        Prefixes of the files of sets; None: none.
    force
        Replace existing files.
    command
        As typed; "" from Python.
    progress
        Called with the records read so far, and None for the unknown total.
    progress_of_scores
        Called before that with the rows of scores read so far, and their number.

    Returns
    -------
    dict
        What NAME.stats.json has.

    Raises
    ------
    InputError
        A file is missing, damaged or does not fit; the scores are of another genome or model than
        asked; two people have one id; no ALT of the cohort is in the scores, or none counts.
    OutputError
        An output exists, or cannot be written.
    """
    options = options or BurdenOptions()
    weightings = parse_weightings(options.weights)
    outputs = _outputs(output, weightings, regenie, saige)
    inputs = [cohort, scores, regions, *(p for p in (options.samples, options.fasta) if p)]
    check_outputs(outputs, inputs, force=force)
    file = EffectFile(scores)
    _check_model(file, options.model)
    tracks = select(file.tracks, where=options.where, names=options.tracks)
    whole = Genotypes(cohort, field=options.field)
    if options.maf_key is not None and not whole.declares_info(options.maf_key):
        raise InputError(f"{cohort}: INFO {options.maf_key} is not in the header; see --maf-key")
    people = choose_people(whole.all_people, options.samples, name=str(cohort))
    genotypes = Genotypes(cohort, field=options.field, people=people.ids)
    named = read_regions(regions, upstream=options.upstream, downstream=options.downstream)
    sets = SetFiles(named, weightings) if regenie or saige else None
    with ExitStack() as stack:
        genome = None if options.fasta is None else stack.enter_context(Genome(options.fasta))
        if genome is not None:
            _check_genome(file, genome)
        speller = Speller(genome)
        index = ScoreIndex(
            file,
            tracks=tracks,
            weightings=weightings,
            over=options.over_tracks,
            regions=named,
            speller=speller,
            progress=progress_of_scores,
        )
        sums = Accumulator(len(people.ids), len(weightings))
        reading = Pass(
            genotypes,
            index,
            named,
            speller,
            maf_max=options.maf_max,
            maf_key=options.maf_key,
            sums=sums,
        )
        parts = stack.enter_context(Parts(*outputs.values()))
        table_path = Path(outputs["table of variants"])
        with (
            writing(table_path),
            VariantTable(parts[table_path], named.names, weightings) as table,
        ):

            def note(seen: Seen) -> None:
                table.add(seen)
                if sets is not None:
                    sets.add(seen)

            tally = reading.run(note, progress)
        _check_tally(tally, options, str(cohort), str(scores))
        kept = [i for i in range(len(named)) if named.starts[i].keys() & tally.contigs]
        burdens = Burdens(people.ids, tuple(kept), named, weightings, sums)
        record = {
            "mfdvep": __version__,
            "command": command,
            "cohort": {"file": Path(cohort).name, "field": genotypes.field},
            "scores": {"file": Path(scores).name, **file.provenance},
            "regions": {"file": Path(regions).name, "sha256": sha256(regions)},
            "options": options.record(weightings, len(tracks)),
        }
        counts = {
            "people": people.counts,
            "cohort_alts": tally.counts(),
            "score_rows": _of_scores(index, reading),
            "regions": _of_regions(named, kept, sums.regions),
            "columns": len(burdens.columns),
        }
        with writing(Path(output)):
            write_burdens(burdens, output, parts, record)
        for prefix, made in ((regenie, SetFiles.regenie), (saige, SetFiles.saige)):
            if sets is not None and prefix is not None:
                for path, text in made(sets, Path(prefix)).items():
                    parts.write_text(path, text)
        stats = {**record, "counts": counts}
        text = json.dumps(stats, indent=1, ensure_ascii=False, default=str)
        parts.write_text(outputs["run record"], f"{text}\n")
    return stats


def _outputs(
    output: str | Path,
    weightings: Sequence[Weighting],
    regenie: str | Path | None,
    saige: str | Path | None,
) -> dict[str, Path]:
    """Return what each output is for -> its path."""
    stem = stem_of(output)
    found = {f"output ({path.name})": path for path in output_files(output)}
    found["run record"] = stem.with_name(f"{stem.name}.stats.json")
    found["table of variants"] = stem.with_name(f"{stem.name}.variants.tsv.gz")
    for prefix, files in ((regenie, regenie_files), (saige, saige_files)):
        if prefix is not None:
            found |= {f"set file ({p.name})": p for p in files(Path(prefix), weightings)}
    return found


def _check_model(scores: EffectFile, asked: str | None) -> None:
    """Raise InputError for scores of another model than the one of this name or digest."""
    if asked is None:
        return
    made = dict(scores.provenance.get("model", {}))
    digest = str(made.get("sha256", ""))
    is_digest = len(asked) >= _SHORTEST_DIGEST and digest.startswith(asked)
    if asked != made.get("name") and not is_digest:
        raise InputError(
            f"{scores.path}: scored with the model {made.get('name')} ({digest[:12]}...), not "
            f"{asked}; score with that model"
        )


def _check_genome(scores: EffectFile, genome: Genome) -> None:
    """Raise InputError for scores on another genome than this."""
    made = dict(scores.provenance.get("reference", {}))
    if made.get("fingerprint") != genome.fingerprint:
        raise InputError(
            f"{scores.path}: scored on {made.get('file')}, whose contigs and lengths are not those "
            f"of {genome.path}; give the genome that it was scored on, or score on this one"
        )


def _check_tally(tally: Tally, options: BurdenOptions, cohort: str, scores: str) -> None:
    """Raise InputError unless an ALT counts."""
    if tally.status[USED]:
        return
    said = ", ".join(f"{n:,} {name}" for name, n in sorted(tally.status.items())) or "no ALT"
    raise InputError(
        f"{cohort}: none of {tally.status.total():,} ALTs counts ({said}); is it of the assembly "
        f"of {scores} and of the regions, and --maf-max {options.maf_max:g} what is meant?"
    )


def _of_scores(index: ScoreIndex, reading: Pass) -> dict[str, Any]:
    n_met = int(reading.met.sum())
    return {**index.counts, "in_cohort": n_met, "not_in_cohort": index.counts["events"] - n_met}


def _of_regions(named: RegionSet, kept: Sequence[int], with_variant: set[int]) -> dict[str, int]:
    n_with = sum(i in with_variant for i in kept)
    return {
        "all": len(named),
        "on_contigs_without_records": len(named) - len(kept),
        "with_variants": n_with,
        "without_variants": len(kept) - n_with,
    }
