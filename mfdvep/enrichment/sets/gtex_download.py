"""Fetching the eQTL Catalogue's files into one folder, from a manifest or by data set."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from mfdvep.downloads import Download, DownloadSummary, download
from mfdvep.enrichment.sets.tables import MISSING, Table
from mfdvep.errors import InputError, OutputError

BASE_URL = "https://ftp.ebi.ac.uk/pub/databases/spot/eQTL"
GTEX_STUDY = "QTS000015"
GTEX_DATASETS = tuple(f"QTD{116 + 5 * i:06}" for i in range(49))
"""Gene expression in GTEx v8's 49 tissues: of each five data sets of a tissue the first.

Source: the eQTL Catalogue's dataset_metadata.tsv, quant_method ge.
"""
_MD5 = re.compile("[0-9a-fA-F]{32}")
_DATASET = re.compile("QTD[0-9]{6}")
_STUDY = re.compile("QTS[0-9]{6}")


def files_of(
    datasets: Sequence[str],
    folder: Path,
    *,
    base_url: str = BASE_URL,
    study: str = GTEX_STUDY,
    sumstats: str = "cc",
) -> list[Download]:
    """Return the credible sets and summary statistics of data sets, as files to fetch.

    Parameters
    ----------
    base_url
        With BASE/susie/STUDY/DATASET/DATASET.credible_sets.tsv.gz and
        BASE/sumstats/STUDY/DATASET/DATASET.cc.tsv.gz below it.
    sumstats
        "cc": rows of traits with a credible set; "all": every row, gigabytes a data set.

    Raises
    ------
    InputError
        A name that is no data set or study of the eQTL Catalogue.
    """
    for form, names in ((_DATASET, datasets), (_STUDY, [study])):
        for name in names:
            if not form.fullmatch(name):
                raise InputError(f"{name!r}: expected such as {GTEX_DATASETS[0]} and {GTEX_STUDY}")
    found = []
    for name in dict.fromkeys(datasets):
        for kind, ending in (("susie", "credible_sets"), ("sumstats", sumstats)):
            file = f"{name}.{ending}.tsv.gz"
            url = f"{base_url.rstrip('/')}/{kind}/{study}/{name}/{file}"
            found.append(Download(url, folder / file, None))
    return found


def files_of_manifest(manifest: Path, folder: Path) -> list[Download]:
    """Return the files of a manifest: a table with a column url, and md5 and dataset where known.

    A file is named as its address ends; with a dataset, that is put in the place of what comes
    before .credible_sets, .all or .cc.

    Raises
    ------
    InputError
        See `Table`; no row; an MD5 that is none; two files of one name.
    """
    found: dict[Path, Download] = {}
    with Table(manifest, ["url"], ["md5", "dataset"]) as table:
        for number, line in table:
            if not line.strip():
                continue
            fields = table.fields(number, line)
            url, md5, dataset = (
                fields[table.place[c]].strip() if c in table.place else ""
                for c in ("url", "md5", "dataset")
            )
            where = f"{table.name}:{number}"
            if md5 not in MISSING and not _MD5.fullmatch(md5):
                raise InputError(f"{where}: {md5[:40]!r} is no MD5; give 32 hexadecimal digits")
            name = urlsplit(url).path.rpartition("/")[2]
            if dataset not in MISSING:
                rest = re.search(r"\.(credible_sets|all|cc)\.", name)
                name = f"{dataset}{name[rest.start() :]}" if rest else name
            path = folder / name
            if not re.fullmatch(r"[\w.+-]*\w[\w.+-]*", name) or path in found:
                raise InputError(
                    f"{where}: {url[:100]!r} would be saved as {name!r}; expected a name, and each "
                    "once"
                )
            found[path] = Download(url, path, None if md5 in MISSING else md5.lower())
    if not found:
        raise InputError(f"{manifest}: no row below the header; list the files to fetch")
    return list(found.values())


def fetch(
    files: Sequence[Download],
    folder: Path,
    *,
    jobs: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> DownloadSummary:
    """Make the folder and download what it lacks; see `download` for what is checked and raised."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make the folder: {error.strerror}") from error
    return download(files, jobs=jobs, progress=progress)
