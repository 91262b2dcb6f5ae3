"""Profiles of a real cell line, against the known accuracy of logistic regression on them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from mfdvep.expression.bins import MARKS
from mfdvep.expression.preparing import PrepareOptions, prepare_profiles
from mfdvep.expression.sheet import read_sheet

pytestmark = pytest.mark.realdata


def test_logistic_regression_on_real_profiles_is_as_good_as_known(real_data, tmp_path):
    folder = real_data / "expression"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    rows = [f"GM12878\t{mark}\t{folder}/marks/GM12878.{mark}.hg19.bed.gz\n" for mark in MARKS]
    (tmp_path / "marks.tsv").write_text("".join(["cell\tmark\tpath\n", *rows]))
    options = PrepareOptions(
        contigs={"validation": ["7"], "test": ["chr8", "chr9", "chr10"]},
        expression_column="rpkm_{cell}",
    )
    genes = folder / "genes.hg19.tsv.gz"
    made = prepare_profiles(genes, genes, read_sheet(tmp_path / "marks.tsv"), options=options)
    splits = made.provenance["counts"]["split"]
    assert splits == {"train": 16_578, "validation": 894, "test": 2_272, "left_out": 0}
    x, y = np.log1p(made.signal[0].reshape(len(made), -1)), made.labels(0)
    train, test = made.rows("train"), made.rows("test")
    scaler = StandardScaler().fit(x[train])
    fitted = LogisticRegression(C=1e-3).fit(scaler.transform(x[train]), y[train])
    area = roc_auc_score(y[test], fitted.decision_function(scaler.transform(x[test])))
    assert area == pytest.approx(0.9126, abs=0.002)
