"""Models that the model of expression is measured beside: each takes profiles and labels at once.

Each function takes training features and labels and gives scores of other genes; higher means
more likely to be high.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from torch import Tensor, nn

from mfdvep.enrichment.measures.ranking import auroc, groups_of, sort_with_labels
from mfdvep.expression.bins import N_BINS
from mfdvep.expression.heads import train_heads
from mfdvep.expression.options import LABEL, TrainOptions

PENALTIES = (0.0003, 0.003, 0.03, 0.3)
"""C of the logistic regression, of which cross-validation on training genes chooses."""
_CHOOSE_ON = 2000  # rows at most
_FOLDS = 3
_NEAR = slice(N_BINS // 2 - 10, N_BINS // 2 + 10)  # within 1 kb of the start site


def marginal_scores(x: np.ndarray, y: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the mean signal of one mark within 1 kb of the start site, (k,).

    The mark, and whether more of it means high, are those with the best AUROC on training genes.

    Parameters
    ----------
    x, y, other
        Scaled profiles (n, m, 100), labels (n,) and profiles (k, m, 100).
    """
    means, others = (part[:, :, _NEAR].mean(2) for part in (x, other))
    areas = np.array([auroc(groups_of(sort_with_labels(mark, y == 1))) for mark in means.T])
    mark = int(np.abs(areas - 0.5).argmax())
    return others[:, mark] if areas[mark] >= 0.5 else -others[:, mark]


def logistic_scores(x: np.ndarray, y: np.ndarray, other: np.ndarray, *, seed: int) -> np.ndarray:
    """Return log-odds of a logistic regression on all bins, (k,).

    Its ridge penalty has the best AUROC in three folds of at most 2,000 training rows.

    Parameters
    ----------
    x, y, other
        Features (n, f), labels (n,) and features (k, f).
    """
    plain = LogisticRegression(max_iter=2000)
    chosen = np.random.default_rng(seed).permutation(len(x))[:_CHOOSE_ON]
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    search = GridSearchCV(plain, {"C": PENALTIES}, scoring="roc_auc", cv=folds, refit=False)
    search.fit(x[chosen], y[chosen])
    return plain.set_params(**search.best_params_).fit(x, y).decision_function(other)


def boosting_scores(x: np.ndarray, y: np.ndarray, other: np.ndarray, *, seed: int) -> np.ndarray:
    """Return log-odds of gradient boosting as scikit-learn has it by default, (k,)."""
    model = HistGradientBoostingClassifier(random_state=seed)
    return model.fit(x, y).decision_function(other)


class DeepChrome(nn.Module):
    """A convolutional network on profiles, given flat (n, m * 100) -> (n,).

    Source: Singh, Lanchantin, Robins, Qi, DeepChrome, Bioinformatics 2016: 50 filters of 10 bins,
    pooling over 5, dropout .5, a perceptron of 625 and 125 units.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        n_marks = n_features // N_BINS
        places = (N_BINS - 10 + 1) // 5
        self.layers = nn.Sequential(
            nn.Unflatten(1, (n_marks, N_BINS)),
            nn.Conv1d(n_marks, 50, 10),
            nn.ReLU(),
            nn.MaxPool1d(5),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(50 * places, 625),
            nn.ReLU(),
            nn.Linear(625, 125),
            nn.ReLU(),
            nn.Linear(125, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)[:, 0]


def cnn_scores(
    x: np.ndarray, y: np.ndarray, other: np.ndarray, options: TrainOptions, *, seed: int
) -> np.ndarray:
    """Return logits of `options.heads` networks like DeepChrome, their mean, (k,).

    Trained as the heads are, on bins that are standardised.

    Parameters
    ----------
    x, y, other
        Flat profiles (n, m * 100), labels (n,) and profiles (k, m * 100).
    """
    network, _ = train_heads(x, y, options, target=LABEL, seed=seed, make=DeepChrome)
    with torch.no_grad():
        return network(torch.from_numpy(other)).numpy()
