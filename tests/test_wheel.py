"""The wheel: built, installed, and run from outside the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str, cwd: Path, path: str = "") -> str:
    env = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_installed_wheel_finds_its_weights(tmp_path):
    python = sys.executable
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist")]
    run(python, *build, str(ROOT), cwd=tmp_path)
    (wheel,) = (tmp_path / "dist").glob("mfdvep-*.whl")
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    run(python, *pip, str(tmp_path / "site"), str(wheel), cwd=tmp_path)
    site = str(tmp_path / "site")
    listed = run(python, "-m", "mfdvep", "models", cwd=tmp_path, path=site)
    assert f"{tmp_path / 'site' / 'mfdvep' / 'weights' / 'regulome45'}" in listed
    code = "import mfdvep; print(len(mfdvep.load_model().tracks))"
    assert run(python, "-c", code, cwd=tmp_path, path=site).strip() == "442"
