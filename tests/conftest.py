"""What all tests share: a small model, and the folder of real data where there is one."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import numpy as np
import pytest
import torch

from mfdvep.model.config import ModelConfig, Variable
from mfdvep.model.metadata import MetadataSchema
from mfdvep.model.mfd import MFDModel
from mfdvep.model.tracks import TrackTable

torch.set_num_threads(1)  # tests run beside each other; benchmarks set their own
# else Ray makes its workers nice, and they starve where anything else computes
os.environ.setdefault("RAY_worker_niceness", "0")

SMALL_TRACKS = TrackTable(
    {
        "experiment": ("E0", "E1", "E2", "E3", "E4"),
        "assay": ("ChIP", "ChIP", "DNase", "ATAC", "ChIP"),
        "target": ("CTCF", "GATA1", "open", "open", "CTCF"),
        "biosample": ("K562", "K562", "K562", "", "HepG2"),
        "lab": ("a", "b", "a", "b", "b"),
    }
)


def small_config(**changes) -> ModelConfig:
    """Return a configuration of a few thousand parameters."""
    variables = (
        Variable("target", "biological", roles=("direct", "interact"), width=4),
        Variable("biosample", "biological"),
        Variable("assay", "technical", roles=("direct", "interact")),
        Variable("lab", "technical"),
    )
    values = {
        "variables": variables,
        "width": 8,
        "biological_hidden": 8,
        "technical_hidden": 8,
        "predictor_hidden": 16,
    }
    return ModelConfig(**{**values, **changes})


def make_model(tracks: TrackTable = SMALL_TRACKS, *, seed: int = 0, **changes) -> MFDModel:
    """Return a small model whose BatchNorms have statistics and whose biases differ."""
    config = small_config(**changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = MFDModel(config, MetadataSchema.fit(config, tracks), tracks)
        torch.nn.init.normal_(model.bias)
        model.train()
        for module in model.modules():
            if isinstance(module, torch.nn.Conv1d):
                # activations of a trained network's size, so that rounding is not blown up
                torch.nn.init.kaiming_normal_(module.weight)
            if isinstance(module, torch.nn.BatchNorm1d):
                module.momentum = None  # running statistics are plain means
        with torch.no_grad():
            for _ in range(4):
                model.features(torch.randint(0, 5, (16, 1153)))
    return model.eval()


@pytest.fixture
def small_model() -> MFDModel:
    return make_model()


@pytest.fixture(scope="session")
def s3_address():
    """Where a server on this machine speaks as S3 does, for this process and those it starts."""
    pytest.importorskip("moto.server")
    import buckets

    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        server, address = buckets.start()
        yield address
        server.stop()


@pytest.fixture
def bucket(s3_address):
    """An empty bucket."""
    import buckets

    return buckets.make(f"bucket-{uuid.uuid4().hex[:12]}", s3_address)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; a test that asks for it is skipped where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MFDVEP_TEST_DATA", default))
    if not (folder / "regulome45" / "genome.fa.gz").is_file():
        pytest.skip(f"no real data at {folder}; set MFDVEP_TEST_DATA")
    return folder


def write_fasta(path: Path, contigs: dict[str, str], *, line: int = 60) -> Path:
    """Write a FASTA and its index; return its path."""
    text, index = b"", []
    for name, sequence in contigs.items():
        text += f">{name}\n".encode()
        index.append(f"{name}\t{len(sequence)}\t{len(text)}\t{line}\t{line + 1}\n")
        for start in range(0, len(sequence), line):
            text += sequence[start : start + line].encode() + b"\n"
    path.write_bytes(text)
    path.with_name(f"{path.name}.fai").write_text("".join(index))
    return path


def random_bases(n: int, seed: int) -> str:
    """Return n random bases."""
    rng = np.random.default_rng(seed)
    return "".join(rng.choice(list("ACGT"), n))
