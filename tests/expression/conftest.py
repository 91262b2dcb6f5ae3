"""What tests of the model of expression share: simulated profiles, and a model trained on them."""

from __future__ import annotations

import pytest
import torch
from expression.made import simulated_profiles

from mfdvep.expression import fitting
from mfdvep.expression.options import TrainOptions
from mfdvep.expression.training import train_model

QUICK = TrainOptions(n_latent=3, epochs=2, head_epochs=2, heads=2)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    return simulated_profiles(tmp_path_factory.mktemp("simulated"), genes=240)[0]


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Many threads are slower on networks as small as these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def few_steps(monkeypatch):
    """Let training stop early, where what it learns does not matter."""
    monkeypatch.setattr(fitting, "MIN_STEPS", 2)


@pytest.fixture(scope="session")
def quick_model(simulated):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "MIN_STEPS", 2)
        return train_model(simulated, QUICK, seed=1).model
