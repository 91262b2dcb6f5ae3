"""Outputs by URI: what a name stands for, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem, S3FileSystem, SubTreeFileSystem

from mfdvep.errors import OutputError
from mfdvep.storage import Remote
from mfdvep.uris import check_remotes, check_writable, is_uri, located


@pytest.fixture
def moving(tmp_path):
    """A file in a file system where files are moved into place, as they are in HDFS."""
    (tmp_path / "tree" / "d").mkdir(parents=True)
    filesystem = SubTreeFileSystem(str(tmp_path / "tree"), LocalFileSystem())
    return Remote(filesystem, "d/o.vcf.gz", "tree://d/o.vcf.gz")


def test_a_path_is_a_path(tmp_path):
    for name in ("o.vcf.gz", "a/o.vcf", "-", "C:/o.vcf", "a:b//c", Path("s3:/b/k")):
        assert located(name) == Path(name)
    assert located(f"file://{tmp_path}/a%20b.vcf") == tmp_path / "a b.vcf"
    assert is_uri("s3://b/k")
    assert not is_uri("b//k")


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
    with pytest.raises(OutputError, match="Empty path component"):
        check_writable([bucket.at("a//b.vcf")])


@pytest.mark.slow  # pyarrow tries for six seconds
def test_nobody_answers(bucket):
    remote = located("s3://bucket/o.vcf?scheme=http&endpoint_override=127.0.0.1:1")
    with pytest.raises(OutputError, match=r"Could not connect to server; .*are the bucket"):
        check_writable([remote])
