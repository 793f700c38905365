"""Metrics with scikit-learn's names and results, and intervals around them.

Labels and scores may be arrays, lists or tensors (tensors are detached and moved
to the CPU); results are Python floats or NumPy arrays. NumPy is all they need.

    confusion_matrix  accuracy_score  balanced_accuracy_score
    precision_score  recall_score  f1_score  specificity_score
    precision_recall_fscore_support
    positive_predictive_value  negative_predictive_value
    roc_curve  roc_auc_score  precision_recall_curve  average_precision_score
    log_loss  top_k_accuracy_score  top_k_error
    brier_score_loss  calibration_curve  reliability  expected_calibration_error
    Interval  wilson_interval  clopper_pearson_interval  mean_interval  bootstrap_interval
    word_error_rate  character_error_rate  align  Alignment
    recall_at_k  precision_at_k  ndcg_at_k  mean_reciprocal_rank  root_mean_squared_error

Difference on purpose: a 0/0 (a class never predicted, say) is an error until
`zero_division` says what it shall count as; scikit-learn warns and uses 0.
"""

from kit.metrics.calibration import (
    Reliability,
    brier_score_loss,
    calibration_curve,
    expected_calibration_error,
    reliability,
)
from kit.metrics.classification import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    negative_predictive_value,
    positive_predictive_value,
    precision_recall_fscore_support,
    precision_score,
    recall_score,
    specificity_score,
)
from kit.metrics.intervals import (
    Interval,
    bootstrap_interval,
    clopper_pearson_interval,
    mean_interval,
    wilson_interval,
)
from kit.metrics.ranking import (
    mean_reciprocal_rank,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    root_mean_squared_error,
)
from kit.metrics.scores import (
    average_precision_score,
    log_loss,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
    top_k_accuracy_score,
    top_k_error,
)
from kit.metrics.text import Alignment, align, character_error_rate, word_error_rate

__all__ = [
    "Alignment",
    "Interval",
    "Reliability",
    "accuracy_score",
    "align",
    "average_precision_score",
    "balanced_accuracy_score",
    "bootstrap_interval",
    "brier_score_loss",
    "calibration_curve",
    "character_error_rate",
    "clopper_pearson_interval",
    "confusion_matrix",
    "expected_calibration_error",
    "f1_score",
    "log_loss",
    "mean_interval",
    "mean_reciprocal_rank",
    "ndcg_at_k",
    "negative_predictive_value",
    "positive_predictive_value",
    "precision_at_k",
    "precision_recall_curve",
    "precision_recall_fscore_support",
    "precision_score",
    "recall_at_k",
    "recall_score",
    "reliability",
    "roc_auc_score",
    "roc_curve",
    "root_mean_squared_error",
    "specificity_score",
    "top_k_accuracy_score",
    "top_k_error",
    "wilson_interval",
    "word_error_rate",
]
