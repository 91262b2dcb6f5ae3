"""ENCODE's table of files -> the chosen peak files, and the table of experiments for `prepare`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfdvep.downloads import Download, DownloadSummary, download
from mfdvep.errors import InputError, OutputError
from mfdvep.files import Parts, check_outputs
from mfdvep.model.tracks import TrackTable, read_rows
from mfdvep.training.experiments import few

BASE_URL = "https://www.encodeproject.org"
OUTPUT_TYPES = ("IDR thresholded peaks", "optimal IDR thresholded peaks", "replicated peaks",
                "pseudoreplicated peaks", "stable peaks", "peaks")  # fmt: skip
"""Most specific first; the second and fifth are older names of the one before. Conservative sets,
peaks with background and cut rates are not among them."""

# name here -> headers of batch downloads | of file reports and older tables, in lower case
_HEADERS = {
    "accession": "file accession|accession", "format": "file format",
    "status": "file status|status", "organism": "biosample organism|organism",
    "assembly": "file assembly|assembly|genome assembly", "assay": "assay|assay term name",
    "target": "experiment target|target label", "output_type": "output type",
    "experiment_accession": "experiment accession|dataset",
    "url": "file download url|download url", "md5": "md5sum", "size": "size|file size",
    "format_type": "file format type", "preferred": "preferred default",
    "audit_error": "audit error", "audit_not_compliant": "audit not_compliant",
    "biosample": "biosample term name|biosample name", "biosample_type": "biosample type",
    "organ": "biosample organ slims|organ slims", "system": "biosample system slims|system slims",
    "developmental": "biosample developmental slims|developmental slims",
    "life_stage": "biosample life stage|life stage", "age": "biosample age|age", "lab": "lab",
    "released": "experiment date released",
}  # fmt: skip
_NEEDED = [*_HEADERS][:9]
COLUMNS = ("assay", "target", "biosample", "biosample_type", "organ", "system", "developmental",
            "life_stage", "age", "lab", "released", "assembly", "output_type",
            "experiment_accession")  # fmt: skip
_AUDITS = ("audit_error", "audit_not_compliant")
_ORGANISM_SUFFIX = re.compile("-(human|mouse|dmelanogaster|celegans)$")

Row = dict[str, str]


@dataclass(frozen=True)
class Selection:
    """Which files to take; names are compared without regard to case, () takes every value.

    An experiment's file is of the first of the `output_types` that it has. `assays` are names of
    the table, "TARGET ChIP-seq", and "Histone ChIP-seq" also where an older table has "ChIP-seq";
    `targets` are without the organism. `preferred` takes only ENCODE's default files,
    `allow_audit` also those with an audit of the levels ERROR and NOT_COMPLIANT.
    """

    assembly: str = "GRCh38"
    output_types: tuple[str, ...] = OUTPUT_TYPES
    organism: str = "Homo sapiens"
    assays: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    biosample_types: tuple[str, ...] = ()
    preferred: bool = False
    allow_audit: bool = False


PAPER = Selection(
    assays=("DNase-seq", "ATAC-seq", "CTCF ChIP-seq", "Histone ChIP-seq"),
    biosample_types=("tissue",),
)
"""Human tissue with the assays of the MFD paper (science.md "Training data")."""


@dataclass(frozen=True)
class EncodeSummary:
    """What was chosen: `n_rows` is `n_experiments` and the sum of `removed` (filter -> rows).

    `downloads` is None where none were asked for; `missing` peak files are not there then.
    """

    n_rows: int
    removed: dict[str, int]
    n_experiments: int
    downloads: DownloadSummary | None
    missing: int


def fetch_encode(
    metadata: Path,
    folder: Path,
    selection: Selection,
    *,
    base_url: str = BASE_URL,
    fetch: bool = True,
    jobs: int = 4,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> EncodeSummary:
    """Download the chosen peaks into `folder`/peaks, write `folder`/experiments.tsv, return counts.

    Parameters
    ----------
    metadata
        ENCODE's `metadata.tsv` of a batch download, or a file report.
    base_url
        Server of relative addresses, and in the place of ENCODE's own in others.
    fetch
        Without it the peaks must be there, all or none.
    force
        Replace experiments.tsv. Peak files with the right MD5 are kept in any case.

    Raises
    ------
    InputError
        See `read_files`, `select` and `download`; an MD5, size or accession that is none; without
        `fetch`, some of the peak files are missing.
    OutputError
        The folder or the table cannot be written, or the table exists.
    """
    rows = read_files(metadata)
    kept, removed = select(rows, selection, metadata)
    for name, n in Counter(row["accession"] for row in kept).items():
        if n > 1 or not re.fullmatch(r"\w+", name, re.ASCII):
            raise InputError(
                f"{metadata}: file accession {name!r} in {n} experiments; expected letters and "
                "digits, in one; mend the table"
            )
    peaks = [f"peaks/{row['accession']}.bed.gz" for row in kept]
    columns = {name: tuple(row.get(name, "") for row in kept) for name in ("accession", *COLUMNS)}
    table = TrackTable({"experiment": columns.pop("accession"), "peaks": tuple(peaks), **columns})
    wanted = [
        _download(row, folder / path, base_url, metadata)
        for row, path in zip(kept, peaks, strict=True)
        if fetch
    ]
    out = folder / "experiments.tsv"
    try:
        (folder / "peaks").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make the folder: {error.strerror}") from error
    check_outputs({"table": out}, [metadata], force=force)
    done = download(wanted, jobs=jobs, progress=progress) if fetch else None
    missing = [path for path in peaks if not (folder / path).is_file()]
    if 0 < len(missing) < len(peaks):
        raise InputError(
            f"{folder}: {len(missing)} of {len(peaks)} peak files are missing: {few(missing)}; "
            "add them, or leave out --no-download"
        )
    with Parts(out) as parts:
        try:
            table.write(parts[out])
        except OSError as error:
            raise OutputError(f"{out}: cannot be written: {error.strerror}") from error
    return EncodeSummary(len(rows), removed, len(kept), done, len(missing))


def read_files(path: Path) -> list[Row]:
    """Return the rows of ENCODE's table, by the names used here, normalised.

    Raises
    ------
    InputError
        No such file, no header or rows, a row of another length, a missing column.
    """
    # a report begins with its time and address
    found = read_rows(path, is_header=lambda r: bool(r) and r[0][:1] != "#" and "://" not in r[-1])
    if not found:
        raise InputError(f"{path}: no header; expected ENCODE's metadata.tsv")
    place = _columns(path, found[0])
    if len(found) == 1:
        raise InputError(f"{path}: no rows below the header; choose files on the portal first")
    return [
        _normalised({name: fields[i].strip() for name, i in place.items()}) for fields in found[1:]
    ]


def select(rows: list[Row], chosen: Selection, path: Path) -> tuple[list[Row], dict[str, int]]:
    """Return the chosen rows in the table's order, and filter -> rows removed, in their order.

    Of an experiment with several files one is kept: of the first output type, then ENCODE's
    default where the table says which, then by accession.

    Raises
    ------
    InputError
        A filter's column is missing; no row is left: what removed the last, and what they have.
    """
    kept, removed = rows, {}
    for name, columns, values in (
        ("format", ["format"], ("bed narrowPeak",)),
        ("status", ["status"], ("released",)),
        ("--organism", ["organism"], (chosen.organism,)),
        ("--assembly", ["assembly"], (chosen.assembly,)),
        ("--assay", ["assay"], chosen.assays),
        ("--target", ["target"], tuple(_ORGANISM_SUFFIX.sub("", t) for t in chosen.targets)),
        ("--biosample-type", ["biosample_type"], chosen.biosample_types),
        ("--output-type", ["output_type"], chosen.output_types),
        ("--preferred", ["preferred"], ("True",) if chosen.preferred else ()),
        ("no --allow-audit", [*_AUDITS], () if chosen.allow_audit else ("",)),
    ):  # fmt: skip
        if not values:
            continue
        if lacking := [_header(column) for column in columns if column not in rows[0]]:
            raise InputError(
                f"{path}: no column {', '.join(lacking)}, which {name.removeprefix('no ')} is "
                "about; get a table that has it, or change that option"
            )
        wanted = {value.casefold() for value in values}
        last = kept
        kept = [row for row in last if all(_names(row, column) & wanted for column in columns)]
        removed[f"{name} {', '.join(values)}".strip()] = len(last) - len(kept)
        if not kept:
            has = sorted({row[column] or "(empty)" for row in last for column in columns})
            raise InputError(
                f"{path}: no row of {len(rows)} is left: {[*removed][-1]} removed the last "
                f"{len(last)}, which have {few(has)}; choose otherwise"
            )
    order = [value.casefold() for value in chosen.output_types]

    def rank(row: Row) -> tuple[int, bool, str]:
        is_default = row.get("preferred", "").casefold() == "true"
        return order.index(row["output_type"].casefold()), not is_default, row["accession"]

    best = {row["experiment_accession"]: row for row in sorted(kept, key=rank, reverse=True)}
    one = [row for row in kept if best[row["experiment_accession"]] is row]
    removed["another file of the experiment is kept"] = len(kept) - len(one)
    return one, removed


def _names(row: Row, column: str) -> set[str]:
    """Return the names by which a row's value can be asked for, in lower case."""
    names = {row[column].casefold()}
    if column == "assay" and re.fullmatch("((TF|Histone) )?ChIP-seq", row["assay"]):
        names.add(f"{row['target']} ChIP-seq".casefold())
        if re.match("H(2A|2B|3|4)", row["target"]):
            names.add("histone chip-seq")
    return names


def _columns(path: Path, header: Sequence[str]) -> dict[str, int]:
    """Return name used here -> column, for those that the header has."""
    found = {re.sub("[. ]+", " ", name.strip()).casefold(): i for i, name in enumerate(header)}
    spelled = {name: [s for s in _HEADERS[name].split("|") if s in found] for name in _HEADERS}
    if lacking := [_header(name) for name in _NEEDED if not spelled[name]]:
        raise InputError(f"{path}: no column {', '.join(lacking)}; it has: {', '.join(header)}")
    return {name: found[spellings[0]] for name, spellings in spelled.items() if spellings}


def _header(name: str) -> str:
    return repr(_HEADERS[name].split("|")[0].capitalize())


def _normalised(row: Row) -> Row:
    """Return the row with its whole format, a target without organism, accessions without path."""
    target = _ORGANISM_SUFFIX.sub("", row["target"])
    if not target and row["assay"] in ("DNase-seq", "ATAC-seq"):
        target = "Accessible DNA"
    if row["format"] == "bed":
        row["format"] = f"bed {row.get('format_type', '')}"
    accession = row["experiment_accession"].strip("/").rpartition("/")[2]
    return {**row, "target": target, "experiment_accession": accession}


def _download(row: Row, path: Path, base_url: str, metadata: Path) -> Download:
    url, md5, size = (row.get(name, "") for name in ("url", "md5", "size"))
    for name, value, form in (("address", url, ".+"), ("MD5", md5, "[0-9a-fA-F]{32}"),
                              ("size", size, "[0-9]*")):  # fmt: skip
        if not re.fullmatch(form, value):
            raise InputError(
                f"{metadata}: {row['accession']}: {value!r} is no {name}, which a download needs; "
                "mend the table, or use --no-download"
            )
    url = url.removeprefix(BASE_URL)
    if url.startswith("/"):
        url = base_url.rstrip("/") + url
    return Download(url, path, md5.lower(), int(size) if size else None)
