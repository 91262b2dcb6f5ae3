"""Files that a URI names: what the name stands for, and what can be done with them."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem, S3FileSystem, SubTreeFileSystem

from mfdvep.errors import OutputError
from mfdvep.storage import (
    BLOCK,
    Remote,
    check_remotes,
    check_writable,
    fetched,
    is_uri,
    located,
)


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


def test_a_path_is_a_path(tmp_path):
    for name in ("o.vcf.gz", "a/o.vcf", "-", "C:/o.vcf", "a:b//c", Path("s3:/b/k")):
        assert located(name) == Path(name)
    assert located(f"file://{tmp_path}/a%20b.vcf") == tmp_path / "a b.vcf"
    assert is_uri("s3://b/k")
    assert not is_uri("b//k")


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


def test_s3_does_not_hold_in_memory_what_it_has_not_written(bucket):
    """In the background it would, however much that is."""
    options = {"endpoint_override": bucket.address, "scheme": "http", "region": "us-east-1"}
    steady = S3FileSystem(**options, background_writes=False, allow_delayed_open=True)
    assert bucket.at("o").filesystem.equals(steady)
    assert not bucket.at("o").filesystem.equals(S3FileSystem(**options))


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("s3://bucket?scheme=http&endpoint_override=127.0.0.1:1", "names no file; expected as s3"),
        ("s3://bucket/o.vcf?nonsense=1", "Unexpected query parameter in S3 URI: 'nonsense'"),
        ("ftp://host/o.vcf", "Unrecognized filesystem type"),
        ("file://host/o.vcf", "Unsupported hostname"),
        ("s3://bucket/a b.vcf", "Cannot parse URI"),
    ],
)
def test_what_is_no_output(uri, says):
    with pytest.raises(OutputError, match=says) as caught:
        located(uri)
    assert str(caught.value).startswith(uri)
    assert len(str(caught.value).splitlines()) == 1


def test_a_key_in_a_uri_is_refused_and_not_repeated():
    with pytest.raises(OutputError, match="AWS_SECRET_ACCESS_KEY") as caught:
        located("s3://AKIA:verysecret@bucket/o.vcf")
    assert "verysecret" not in str(caught.value)
    assert "AKIA" not in str(caught.value)


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
        assert len(list(path.parent.iterdir())) <= 5
        seen.append(path)
    assert len(seen) == 12
    assert not any(path.exists() for path in seen)
    assert not seen[0].parent.exists()
    with pytest.raises(OutputError, match=r"nothing.*: cannot be read"):
        list(fetched([bucket.at("nothing")]))


def test_what_would_destroy_something_is_refused(bucket):
    old = bucket.at("d/old.vcf")
    old.touch()
    check_remotes({"output": bucket.at("d/new.vcf")}, [])
    with pytest.raises(OutputError, match=r"output s3://.*old\.vcf.* exists; .*use --force"):
        check_remotes({"output": old}, [])
    check_remotes({"output": old}, [], force=True)
    with pytest.raises(OutputError, match="is an input of this run"):
        check_remotes({"output": old}, [str(old)], force=True)
    with pytest.raises(OutputError, match=r"matrix .*new.* is the output too"):
        check_remotes({"output": bucket.at("d/new"), "matrix": bucket.at("d/new")}, [])
    with pytest.raises(OutputError, match="is a folder"):
        check_remotes({"output": bucket.at("d")}, [], force=True)


def test_whether_it_can_be_written_is_tried(bucket, moving):
    check_writable([bucket.at("d/a"), bucket.at("d/b"), bucket.at("c"), moving])
    assert bucket.names() == set()
    assert not moving.exists()
    absent = located(f"s3://nobody-made-it/o.vcf?scheme=http&endpoint_override={bucket.address}")
    with pytest.raises(OutputError, match=r"NO_SUCH_BUCKET.*are the bucket, its endpoint") as why:
        check_writable([absent])
    assert str(why.value).startswith(str(absent))
    assert len(str(why.value).splitlines()) == 1
    with pytest.raises(OutputError, match="are the bucket"):
        check_writable([moving.with_name("nowhere/o.vcf")])


@pytest.mark.slow  # pyarrow tries for six seconds
def test_nobody_answers(bucket):
    remote = located("s3://bucket/o.vcf?scheme=http&endpoint_override=127.0.0.1:1")
    with pytest.raises(OutputError, match=r"Could not connect to server; .*are the bucket"):
        check_writable([remote])
