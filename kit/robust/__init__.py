"""Does it hold when the input does not? Attacks, certificates, corruptions, drift, forgetting.

In the order of the lesson; every function works on any model, called on a tensor (N, ...).

    FGSM  PGD  DeepFool  AttackResult  evaluate_attack  RobustnessReport
    AdversarialBatches
    SmoothedClassifier  Certificate  ABSTAIN
    corrupt  corruption_accuracy  CORRUPTIONS  CorruptionReport
    softmax_score  energy_score  mahalanobis_score  neighbor_score  detection_quality
    psi  ks_test  mmd_test  Drift  DriftMonitor  DriftReport
    ReservoirBuffer  forgetting
"""

from kit.robust.attacks import FGSM, PGD, AttackResult, DeepFool
from kit.robust.continual import ReservoirBuffer, forgetting
from kit.robust.corruptions import CORRUPTIONS, CorruptionReport, corrupt, corruption_accuracy
from kit.robust.drift import Drift, DriftMonitor, DriftReport, ks_test, mmd_test, psi
from kit.robust.evaluation import RobustnessReport, evaluate_attack
from kit.robust.outliers import (
    detection_quality,
    energy_score,
    mahalanobis_score,
    neighbor_score,
    softmax_score,
)
from kit.robust.smoothing import ABSTAIN, Certificate, SmoothedClassifier
from kit.robust.training import AdversarialBatches

__all__ = [
    "ABSTAIN", "CORRUPTIONS", "FGSM", "PGD", "AdversarialBatches", "AttackResult", "Certificate",
    "CorruptionReport", "DeepFool", "Drift", "DriftMonitor", "DriftReport", "ReservoirBuffer",
    "RobustnessReport", "SmoothedClassifier", "corrupt", "corruption_accuracy", "detection_quality",
    "energy_score", "evaluate_attack", "forgetting", "ks_test", "mahalanobis_score", "mmd_test",
    "neighbor_score", "psi", "softmax_score",
]  # fmt: skip
