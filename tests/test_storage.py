"""Files on object storage and elsewhere: what can be done with them."""

from __future__ import annotations

import pickle

import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from mfdvep.errors import OutputError
from mfdvep.storage import _AHEAD, BLOCK, Remote, fetched
from mfdvep.uris import located


@pytest.fixture
def moving(tmp_path):
    """A file in a file system where files are moved into place, as they are in HDFS."""
    (tmp_path / "tree" / "d").mkdir(parents=True)
    filesystem = SubTreeFileSystem(str(tmp_path / "tree"), LocalFileSystem())
    return Remote(filesystem, "d/o.vcf.gz", "tree://d/o.vcf.gz")


@pytest.fixture(params=["moving", "object"])
def remote(request):
    """A file that is not there, in a folder."""
    if request.param == "moving":
        return request.getfixturevalue("moving")
    return request.getfixturevalue("bucket").at("d/o.vcf.gz")


def test_names_of_what_lies_beside(bucket):
    found = located(bucket.uri("a%20b/o.vcf.gz"))
    assert (found.name, found.suffix) == ("o.vcf.gz", ".gz")
    assert found.path == f"{bucket.name}/a b/o.vcf.gz"
    other = found.with_name("o d.tbi")
    assert other.path == f"{bucket.name}/a b/o d.tbi"
    assert str(other) == bucket.uri("a%20b/o%20d.tbi")
    assert str(found / "run.json") == bucket.uri("a%20b/o.vcf.gz/run.json")
    assert located(str(other)).is_same(other)
    assert not found.is_same(other)


def test_what_can_be_done_with_a_file(remote, tmp_path):
    assert not remote.exists()
    with pytest.raises(FileNotFoundError):
        remote.open("rb")
    with pytest.raises(FileNotFoundError):
        remote.unlink()
    remote.unlink(missing_ok=True)
    remote.write_text("one", "utf-8")
    remote.write_text("two ä", "utf-8")
    assert remote.exists()
    assert not remote.is_dir()
    assert remote.read_text("utf-8") == "two ä"
    again = pickle.loads(pickle.dumps(remote))
    assert again.is_same(remote)
    assert again.fetch(tmp_path / "copy").read_text() == "two ä"
    folder = remote.with_name("o.parts")
    assert not folder.exists()
    assert list(folder.iterdir()) == []
    folder.mkdir(exist_ok=True)
    folder.mkdir(exist_ok=True)
    for name in ("a", "b"):
        (folder / name).touch()
    assert folder.is_dir()
    assert sorted(found.name for found in folder.iterdir()) == ["a", "b"]
    folder.clear()
    assert list(folder.iterdir()) == []
    (folder / "a").touch()
    folder.rmtree()
    assert not folder.exists()
    remote.unlink()
    assert not remote.exists()


def test_compressed_bytes_stay_what_they_are(remote):
    with remote.made() as path:
        path.write_bytes(b"\x1f\x8b no gzip")
    with remote.open("rb") as file:
        assert file.read() == b"\x1f\x8b no gzip"


def test_a_large_file_goes_and_comes_in_pieces(bucket, tmp_path):
    data = bytes(range(256)) * (BLOCK // 256 * 2 + 1)
    with bucket.at("large").made() as path:
        path.write_bytes(data)
    assert bucket.at("large").fetch(tmp_path / "copy").read_bytes() == data
    with bucket.at("large").open("rb") as file:
        assert b"".join(iter(lambda: file.read(BLOCK), b"")) == data


def test_an_error_on_the_way_leaves_what_was(remote):
    remote.write_text("old", "utf-8")

    def fail() -> None:
        with remote.made() as path:
            path.write_text("half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert remote.read_text("utf-8") == "old"
    assert [found.name for found in remote.with_name("").iterdir()] in ([remote.name], [])


@pytest.mark.parametrize("n_bytes", [0, 1])
def test_what_cannot_be_written_is_an_error(bucket, n_bytes):
    """Though pyarrow sends so little only when the file is closed."""
    absent = located(f"s3://nobody-made-it/o?scheme=http&endpoint_override={bucket.address}")

    def write() -> None:
        with absent.made() as path:
            path.write_bytes(bytes(n_bytes))

    with pytest.raises(OutputError, match=r"cannot be written: .*NO_SUCH_BUCKET"):
        write()


def test_copies_come_in_order_and_go(bucket):
    remotes = [bucket.at(f"{number}") for number in range(12)]
    for number, remote in enumerate(remotes):
        remote.write_text(f"text {number}", "utf-8")
    seen = []
    for number, path in enumerate(fetched(remotes)):
        assert path.read_text() == f"text {number}"
        assert len(list(path.parent.iterdir())) <= _AHEAD + 1
        seen.append(path)
    assert len(seen) == 12
    assert not any(path.exists() for path in seen)
    assert not seen[0].parent.exists()
    with pytest.raises(OutputError, match=r"nothing.*: cannot be read"):
        list(fetched([bucket.at("nothing")]))
