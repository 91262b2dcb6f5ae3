"""The point of the method: halves that tell biology from technique, because of the penalty."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from training.simulated import BIAS, BIOLOGY, TRACKS, simulate

from mfdvep.model.config import ModelConfig, Variable
from mfdvep.training.evaluation import held_out_features, predictions
from mfdvep.training.recipe import Recipe, TrainingConfig
from mfdvep.training.trainer import Trainer

PENALTY = 0.1  # lambda
STEPS = 700
VARIABLES = (
    Variable("target", "biological", roles=("direct",)),
    Variable("assay", "technical", roles=("direct",)),
)


def train(data, folder, independence: float) -> Trainer:
    model = ModelConfig(VARIABLES, width=32, n_latent=6, predictor_hidden=64)
    training = TrainingConfig(
        steps=STEPS,
        sequences=4,
        bins_per_sequence=16,
        learning_rate=1e-2,
        warmup_steps=20,
        independence=independence,
        validate_every=STEPS,
        precision="float32",
        seed=3,
    )
    trainer = Trainer(Recipe("separation", model, training), data, folder)
    trainer.run()
    return trainer


def separation(trainer: Trainer, planted: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return, by prediction, how well it tells bins with biology, and bins with bias, from others.

    Mean AUROC over tracks: of the target's planted motif among bins without the assay's, and of
    the assay's among bins without the target's; 0.5 is chance.
    """
    data = trainer.data
    rows = data.rows("validation")
    held = planted[rows]
    scores = predictions(trainer.model.eval(), held_out_features(trainer.model, data, rows))
    found = {}
    for kind, values in scores.items():
        pairs = []
        for track, (target, assay) in enumerate(
            zip(TRACKS["target"], TRACKS["assay"], strict=True)
        ):
            biology = held[:, list(BIOLOGY).index(target)]
            bias = held[:, len(BIOLOGY) + list(BIAS).index(assay)]
            score = values[:, track]
            pairs.append(
                (
                    roc_auc_score(biology[~bias], score[~bias]),
                    roc_auc_score(bias[~biology], score[~biology]),
                )
            )
        found[kind] = tuple(np.mean(pairs, axis=0))
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("separation")
    data, planted = simulate(folder / "set", n_bins=3000)
    return {
        penalty: separation(train(data, folder / str(penalty), penalty), planted)
        for penalty in (0.0, PENALTY)
    }


def leak(found: dict[str, tuple[float, float]]) -> float:
    """Return how far each half tells what belongs to the other, 0 (chance) to 1, both together."""
    return 2 * abs(found["biological"][1] - 0.5) + 2 * abs(found["technical"][0] - 0.5)


@pytest.mark.parametrize("penalty", [0.0, PENALTY])
def test_together_the_halves_predict_everything(found, penalty):
    assert min(found[penalty]["combined"]) > 0.95


@pytest.mark.parametrize("penalty", [0.0, PENALTY])
def test_each_half_predicts_its_own(found, penalty):
    assert found[penalty]["biological"][0] > 0.95
    assert found[penalty]["technical"][1] > 0.95


def test_the_penalty_keeps_each_half_from_predicting_the_other(found):
    """Without it nothing does: what all tracks share may go through either half."""
    assert found[PENALTY]["biological"][1] < found[0.0]["biological"][1]
    assert found[PENALTY]["technical"][0] < found[0.0]["technical"][0]
    assert leak(found[PENALTY]) < 0.7 * leak(found[0.0])
