"""Lesson 20, frozen: what Fairlearn gives, so that the lesson can compare without it.

    python notebooks/experiments/20_references.py

Needs `fairlearn`, which the course does not. Writes 20_references.safetensors: rows drawn from a seed,
y, decided, group (N,) and score (N,); by_group (M, G), difference and ratio (M,), overall (M,) of the M
rates named in the card; gaps (4,), demographic parity and equalized odds as difference and as ratio;
one (N,) array a constraint, the probability that its ThresholdOptimizer selects a row.
"""

import json
import platform
import time
from pathlib import Path

import fairlearn.metrics as theirs
import numpy as np
import sklearn.metrics
from fairlearn.postprocessing import ThresholdOptimizer
from safetensors.numpy import save_file
from sklearn.base import BaseEstimator

from kit.course.experiments import code_hash

RATES = {
    "count": theirs.count,
    "selection_rate": theirs.selection_rate,
    "true_positive_rate": theirs.true_positive_rate,
    "false_negative_rate": theirs.false_negative_rate,
    "false_positive_rate": theirs.false_positive_rate,
    "true_negative_rate": theirs.true_negative_rate,
    "accuracy_score": sklearn.metrics.accuracy_score,
    "balanced_accuracy_score": sklearn.metrics.balanced_accuracy_score,
}
GAPS = (
    theirs.demographic_parity_difference,
    theirs.demographic_parity_ratio,
    theirs.equalized_odds_difference,
    theirs.equalized_odds_ratio,
)
CONFIGURATION = {
    "fairlearn": "0.15.0",
    "rows": 1500,
    "groups": 3,
    "rates": list(RATES),
    "constraints": ["demographic_parity", "true_positive_rate_parity", "equalized_odds"],
}


class Given(BaseEstimator):
    """A model whose score is its only feature."""

    fitted_ = True

    def fit(self, x, y):
        return self

    def predict(self, x):
        return np.asarray(x)[:, 0]


def rows(seed):
    """Labels, decisions, groups and scores; the groups differ in base rate."""
    rng, n = np.random.default_rng(seed), CONFIGURATION["rows"]
    group = rng.integers(CONFIGURATION["groups"], size=n)
    y = (rng.random(n) < np.array([0.3, 0.5, 0.6])[group]).astype(np.int64)
    score = np.round(1 / (1 + np.exp(-(1.5 * y + rng.normal(size=n) + 0.3 * group - 1))), 3)
    return y, (score > 0.5).astype(np.int64), group, score


def main():
    """Ask Fairlearn, write result and card."""
    began, here, seeds = time.time(), Path(__file__), [20]
    y, decided, group, score = rows(seeds[0])
    frame = theirs.MetricFrame(metrics=RATES, y_true=y, y_pred=decided, sensitive_features=group)
    parts = {"y": y, "decided": decided, "group": group, "score": score}
    parts["by_group"] = frame.by_group.to_numpy(dtype=np.float64).T.copy()
    for name, values in {
        "overall": frame.overall,
        "difference": frame.difference(),
        "ratio": frame.ratio(),
    }.items():
        parts[name] = values.to_numpy(dtype=np.float64)
    parts["gaps"] = np.array([gap(y, decided, sensitive_features=group) for gap in GAPS])
    for constraint in CONFIGURATION["constraints"]:
        options = {"constraints": constraint, "prefit": True, "predict_method": "predict"}
        chosen = ThresholdOptimizer(estimator=Given(), **options)
        chosen.fit(score[:, None], y, sensitive_features=group)
        found = chosen._pmf_predict(score[:, None], sensitive_features=group)[:, 1]
        parts[constraint] = np.ascontiguousarray(found, dtype=np.float64)
    save_file(parts, str(here.with_suffix(".safetensors")))
    settings = "\n".join(f"{key} = {json.dumps(value)}" for key, value in CONFIGURATION.items())
    here.with_suffix(".toml").write_text(
        f"seeds = {seeds}\nminutes = {(time.time() - began) / 60:.0f}\n"
        f'device = "cpu ({platform.machine()}), one thread"\ncode_sha256 = "{code_hash(here)}"\n\n'
        f"[configuration]\n{settings}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
