"""The recipes of examples/cluster: a workflow that runs, and scripts that do as far as they can."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "examples" / "cluster"
VCF, FASTA = ROOT / "examples" / "variants.vcf.gz", ROOT / "examples" / "genome.fa"
BIN = str(Path(sys.executable).parent)


def environment(*first: str, **more: str) -> dict[str, str]:
    return {
        **os.environ, "PATH": os.pathsep.join([*first, BIN, os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0", **more,
    }  # fmt: skip


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)


def fields(path: Path) -> list[list[str]]:
    """Return the records of a VCF, as fields."""
    with gzip.open(path, "rt") as file:
        return [text.rstrip("\n").split("\t") for text in file if text[0] != "#"]


def of_info(record: list[str]) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in record[7].split(";"))


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="no bcftools")
def test_the_workflow_gives_what_one_run_gives(tmp_path):
    pytest.importorskip("snakemake")
    options = "--shifts 1 --strand forward"
    # mfdvep as it is here, whether or not it is installed
    program(tmp_path / "mfdvep", f'exec "{sys.executable}" -m mfdvep "$@"')
    env = environment(str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache"))
    given = [f"vcf={VCF}", f"fasta={FASTA}", "out=scored", f"options={options}"]
    command = [sys.executable, "-m", "snakemake", "-s", str(RECIPES / "Snakefile"), "--cores", "1"]
    done = subprocess.run(
        [*command, "--config", *given], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    once = ["mfdvep", "score", str(VCF), "-f", str(FASTA), "-o", "once.vcf.gz", "-q"]
    subprocess.run([*once, *options.split()], cwd=tmp_path, env=env, check=True)
    found, expected = fields(tmp_path / "scored" / "all.vcf.gz"), fields(tmp_path / "once.vcf.gz")
    assert [record[:7] for record in found] == [record[:7] for record in expected]
    for one, other in zip(map(of_info, found), map(of_info, expected), strict=True):
        assert one.keys() == other.keys()
        assert one["MFD_STATUS"] == other["MFD_STATUS"]
        for key in ("MFD_MAX", "MFD_BIO", "MFD_TECH"):
            for a, b in zip(one[key].split(","), other[key].split(","), strict=True):
                assert a == b == "." or float(a) == pytest.approx(float(b), rel=1e-2, abs=1e-5)
    assert {path.name for path in (tmp_path / "scored").glob("*.parquet")} == {
        "chrA.parquet", "chrB.parquet", "chrC.parquet"
    }  # fmt: skip


def slurm(folder: Path) -> None:
    """Write what stands for Slurm's commands; CPUs are those that srun was told of itself."""
    told = "[[ $SRUN_CPUS_PER_TASK == 1 ]] || exit 9"
    program(folder / "srun", f'{told}; while [[ $1 == --* ]]; do shift; done; exec "$@"')
    program(folder / "scontrol", "echo here")


def test_the_slurm_script_ends_where_ray_does_not_begin(tmp_path):
    """And does not wait until the job's time is over."""
    slurm(tmp_path)
    program(tmp_path / "hostname", "echo 127.0.0.1")
    program(tmp_path / "ray", "[[ $1 == get-auth-token ]]")
    env = environment(
        str(tmp_path), SLURM_JOB_NODELIST="here", SLURM_CPUS_PER_TASK="1", RAY_PORT="1"
    )
    command = ["bash", str(RECIPES / "slurm.sh"), str(VCF), str(FASTA), "out.vcf.gz"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, timeout=20)
    assert done.returncode == 1


@pytest.mark.slow
def test_the_slurm_script_on_one_machine(tmp_path):
    """Stand-ins run on this machine what Slurm would run on others."""
    pytest.importorskip("ray")
    slurm(tmp_path)
    address = socket.gethostbyname(socket.gethostname())
    program(tmp_path / "hostname", f"echo {address}")
    program(tmp_path / "mfdvep", f'exec "{sys.executable}" -m mfdvep "$@" --shifts 1')
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    env = environment(
        str(tmp_path), HOME=str(tmp_path), SLURM_JOB_NODELIST="here", SLURM_CPUS_PER_TASK="1",
        RAY_PORT=str(port),
    )  # fmt: skip
    command = ["bash", str(RECIPES / "slurm.sh"), str(VCF), str(FASTA), "out.vcf.gz"]
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 worker on 1 host" in done.stderr
    assert len(fields(tmp_path / "out.vcf.gz")) == 83
    assert (tmp_path / "out.vcf.gz.tbi").exists()


def test_the_kubernetes_recipe_is_a_job_of_kuberay():
    yaml = pytest.importorskip("yaml")
    job = yaml.safe_load((RECIPES / "kuberay.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    pods = [group["template"]["spec"] for group in (
        cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]  # fmt: skip
    assert len({str(pod["volumes"]) for pod in pods}) == 1
    assert len({pod["containers"][0]["image"] for pod in pods}) == 1
    assert "--ray auto" in job["spec"]["entrypoint"]
