"""Fetching the eQTL Catalogue's files, from a server in this process."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
from test_downloads import serving

from mfdvep.enrichment.sets.gtex_download import GTEX_DATASETS, fetch, files_of, files_of_manifest
from mfdvep.errors import InputError, OutputError


def test_the_server_s_layout():
    found = files_of(["QTD000116", "QTD000116"], Path("f"))
    base = "https://ftp.ebi.ac.uk/pub/databases/spot/eQTL"
    assert [(file.url, str(file.path), file.md5) for file in found] == [
        (f"{base}/susie/QTS000015/QTD000116/QTD000116.credible_sets.tsv.gz",
         "f/QTD000116.credible_sets.tsv.gz", None),
        (f"{base}/sumstats/QTS000015/QTD000116/QTD000116.cc.tsv.gz",
         "f/QTD000116.cc.tsv.gz", None),
    ]  # fmt: skip
    assert files_of(["QTD000116"], Path(), sumstats="all")[1].path.name == "QTD000116.all.tsv.gz"


def test_the_data_sets_of_gtex():
    """Liver and whole blood are among them, by the names that the catalogue gives them."""
    assert (len(GTEX_DATASETS), GTEX_DATASETS[0], GTEX_DATASETS[-1]) == (
        49,
        "QTD000116",
        "QTD000356",
    )
    assert "QTD000266" in GTEX_DATASETS


def test_fetched_once_and_gone_on_with(tmp_path):
    folder = tmp_path / "new" / "folder"
    with serving() as server:
        files = files_of(["QTD000116"], folder, base_url=f"{server.url}/")
        bodies = [gzip.compress(bytes([i]) * 50_000) for i in range(2)]
        server.files = {
            file.url.removeprefix(server.url): body
            for file, body in zip(files, bodies, strict=True)
        }
        server.faults[[*server.files][1]] = ["cut"]
        assert fetch(files, folder).fetched == 2
        assert [file.path.read_bytes() for file in files] == bodies
        assert fetch(files, folder).present == 2
        assert sum(server.requests.values()) == 3


def test_a_manifest(tmp_path):
    md5 = hashlib.md5(b"x").hexdigest()
    manifest = tmp_path / "m.tsv"
    manifest.write_text(
        "dataset\tmd5\turl\n"
        f"liver\t{md5.upper()}\thttp://h/a/QTD1.credible_sets.tsv.gz?x=1\n"
        "\t\thttp://h/gencode.v46.gtf.gz\n\n"
    )
    found = files_of_manifest(manifest, tmp_path)
    assert [(file.path.name, file.md5) for file in found] == [
        ("liver.credible_sets.tsv.gz", md5),
        ("gencode.v46.gtf.gz", None),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("md5\n", "no column url"),
        ("url\n", "no row below the header"),
        ("url\tmd5\nhttp://h/a\tx\n", ":2: 'x' is no MD5"),
        ("url\nhttp://h/a\nhttp://g/a\n", "would be saved as 'a'; expected a name, and each once"),
        ("url\nhttp://h/\n", "would be saved as ''"),
        ("url\nhttp://h/..\n", "would be saved as '..'"),
        ("url\tdataset\nhttp://h/a.cc.tsv.gz\t../x\n", "would be saved as '../x.cc.tsv.gz'"),
    ],
)
def test_manifests_that_do_not_serve(tmp_path, text, says):
    (tmp_path / "m.tsv").write_text(text)
    with pytest.raises(InputError, match=says):
        files_of_manifest(tmp_path / "m.tsv", tmp_path)


def test_other_refusals(tmp_path):
    with pytest.raises(InputError, match="'liver': expected such as QTD000116 and QTS000015"):
        files_of(["liver"], tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot make the folder"):
        fetch([], tmp_path / "file" / "x")
