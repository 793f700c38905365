"""Rates by group beside Fairlearn, and 1,000 bootstrap replicates beside one multinomial draw."""

import numpy as np

from benchmarks.harness import Session, version
from kit import fairness

GROUPS = 10
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy_score", "count")


def frame(rows: int, kind: str) -> tuple[dict, np.ndarray, np.ndarray, object]:
    """Metrics, labels, decisions and groups written as numbers, texts or a category."""
    generator = np.random.default_rng(0)
    y, p = generator.integers(0, 2, rows), generator.integers(0, 2, rows)
    group = generator.integers(0, GROUPS, rows)
    if kind == "texts":
        group = np.array([f"group {i}" for i in range(GROUPS)])[group]
    if kind == "category":
        import pandas as pd

        group = pd.Series(group).astype("category")
    return {name: getattr(fairness, name) for name in RATES}, y, p, group


def evaluate(kind: type, metrics: dict, y, p, group):
    """Prepare one frame: all values, all differences and ratios."""

    def run():
        made = kind(metrics=metrics, y_true=y, y_pred=p, sensitive_features=group)
        return made.by_group, made.overall, made.difference(), made.ratio()

    return run


def measure(session: Session) -> None:
    """kit against Fairlearn by the kind of group, then the bootstrap against its own draw."""
    if version("fairlearn") is None:
        session.note("Fairlearn", "not installed; run `pip install fairlearn`")
    else:
        import fairlearn.metrics as theirs
        from sklearn.metrics import accuracy_score

        other = {n: accuracy_score if n == "accuracy_score" else getattr(theirs, n) for n in RATES}
        for rows in (10**5, 10**6):
            for kind, factor in (("numbers", 1000), ("category", 1000), ("texts", 300)):
                metrics, *data = frame(rows, kind)
                session.compare(
                    f"kit MetricFrame {rows:,} {kind}",
                    lambda m=metrics, d=data: evaluate(fairness.MetricFrame, m, *d),
                    "Fairlearn's MetricFrame",
                    lambda m=other, d=data: evaluate(theirs.MetricFrame, m, *d),
                    target=1 / factor if rows == 10**6 else None,
                )
    metrics, y, p, group = frame(10**6, "numbers")
    made = fairness.MetricFrame(metrics=metrics, y_true=y, y_pred=p, sensitive_features=group)
    shares = np.bincount(group * 4 + y * 2 + p) / len(y)
    session.compare(
        "1,000 replicates, 5 differences",
        lambda: lambda: made.interval("difference", resamples=1000),
        "one NumPy multinomial call",
        lambda: lambda: np.random.default_rng(0).multinomial(len(y), shares, 1000),
        target=5,
    )
