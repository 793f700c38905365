"""Does it treat groups alike? Rates by group, gaps, mitigation, an audit.

    MetricFrame
    count  base_rate  selection_rate
    true_positive_rate  false_negative_rate  false_positive_rate  true_negative_rate
    positive_predictive_value  negative_predictive_value
    accuracy_score  balanced_accuracy_score  mean_prediction
    demographic_parity_difference  demographic_parity_ratio
    equalized_odds_difference  equalized_odds_ratio
    equal_opportunity_difference  equal_opportunity_ratio
    predictive_parity_difference  calibration_by_group  calibration_noise
    four_fifths
    audit
    reweighing  ThresholdOptimizer
    demographic_parity_penalty  equalized_odds_penalty  individual_penalty
    gradient_reversal  AdversarialLoss
    predictive_policing  lending
    compare_shares  factorize

Names and values are Fairlearn's where it has them. Difference on purpose: a rate whose
denominator is 0 is nan and listed in `MetricFrame.undefined`; Fairlearn says 0. All but the penalties
need NumPy alone, so each file is imported when one of its names is first used.
"""

import importlib

_FILES = {
    "frame": "MetricFrame",
    "rates": "Rate count base_rate selection_rate true_positive_rate false_negative_rate false_positive_rate "
    "true_negative_rate positive_predictive_value negative_predictive_value accuracy_score "
    "balanced_accuracy_score mean_prediction",
    "disparity": "demographic_parity_difference demographic_parity_ratio equalized_odds_difference "
    "equalized_odds_ratio equal_opportunity_difference equal_opportunity_ratio predictive_parity_difference "
    "calibration_by_group calibration_noise four_fifths FourFifths Impact",
    "report": "audit Audit",
    "mitigation": "reweighing ThresholdOptimizer",
    "penalties": "demographic_parity_penalty equalized_odds_penalty individual_penalty gradient_reversal "
    "AdversarialLoss",
    "simulate": "predictive_policing lending",
    "intervals": "compare_shares",
    "groups": "factorize",
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names.split()}


def __getattr__(name: str):
    if name in _FILE_OF:
        return getattr(importlib.import_module(f"kit.fairness.{_FILE_OF[name]}"), name)
    raise AttributeError(f"module 'kit.fairness' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(_FILE_OF)
