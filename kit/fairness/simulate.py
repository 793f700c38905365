"""Two small worlds in which a fair-looking rule feeds on its own results.

predictive_policing  lending
"""

from collections.abc import Sequence

import numpy as np

from kit import check
from kit.metrics import inputs

GAIN, LOSS = 75, 150  # points, of a loan repaid and of one that is not (Liu et al., section 6)


def predictive_policing(
    rates: Sequence[float] | np.ndarray,
    *,
    days: int = 1000,
    runs: int = 200,
    corrected: bool = False,
    seed: int = 0,
) -> np.ndarray:
    """Share of recorded incidents in each district, day by day: a self-filling urn.

    Every day one patrol goes to a district drawn in proportion to its incidents on record (one
    each at the start), and records one more with the probability `rates` of that district. What is
    recorded is what is looked at: the share of the highest rate runs away to 1. `corrected` adds an
    incident only with a probability inverse to the share, for two districts 1 - share as in the paper: the
    shares then go to rates / sum(rates).

    Shapes: rates (K,), in [0, 1] -> (runs, days + 1, K). Raises: ValueError for other rates.
    Source: Ensign et al. 2018, arXiv:1706.09847 (discovered incidents, and their correction). Lesson: 20.
    """
    rates = inputs.probabilities("rates", rates)
    check.integer("days", days, 1)
    check.integer("runs", runs, 1)
    generator, found = np.random.default_rng(seed), np.ones((runs, len(rates)))
    shares = [found / len(rates)]
    for _ in range(days):
        chosen = (generator.random((runs, 1)) > shares[-1].cumsum(axis=1)[:, :-1]).sum(axis=1)
        share, least = shares[-1][np.arange(runs), chosen], shares[-1].min(axis=1)
        kept = least * (1 - least) / share if corrected else 1  # of two districts the other's share
        found[np.arange(runs), chosen] += generator.random(runs) < rates[chosen] * kept
        shares.append(found / found.sum(axis=1, keepdims=True))
    return np.stack(shares, axis=1)


def lending(
    scores, thresholds: Sequence[float] | np.ndarray, *, rounds: int = 10, seed: int = 0
) -> np.ndarray:
    """Mean credit score of each group, round by round, where loans change scores.

    Whoever's score is at least the group's threshold gets a loan and repays with probability
    1 / (1 + exp(-(score - 600) / 50)); the score then rises by 75 or falls by 150, within 300 to 850.
    Below a score of about 635 a loan lowers the expected score: a lower threshold, meant well, can
    harm the group ("delayed impact").

    Shapes: scores: one array of points a group; thresholds (G,) -> (rounds + 1, G).
    Raises: ValueError for scores outside [300, 850] or another number of thresholds.
    Source: Liu et al. 2018, arXiv:1803.04383, sections 2 and 6, with this logistic curve for
    their table of repayment rates. Lesson: 20.
    """
    check.same_length(scores=scores, thresholds=thresholds)
    check.integer("rounds", rounds, 1)
    generator = np.random.default_rng(seed)
    groups = [inputs.vector("scores", group).astype(np.float64) for group in scores]
    check.number("min(scores)", min(float(group.min()) for group in groups), 300)
    check.number("max(scores)", max(float(group.max()) for group in groups), None, 850)
    means = [[group.mean() for group in groups]]
    for _ in range(rounds):
        for group, threshold in zip(groups, thresholds):
            repaid = generator.random(len(group)) < 1 / (1 + np.exp(-(group - 600) / 50))
            group += (group >= threshold) * np.where(repaid, GAIN, -LOSS)
            np.clip(group, 300, 850, out=group)
        means.append([group.mean() for group in groups])
    return np.array(means)
