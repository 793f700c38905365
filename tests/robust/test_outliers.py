"""Outlier scores: by hand, by scikit-learn, and that they find strange pictures."""

import numpy as np
import pytest
import torch
from sklearn.covariance import EmpiricalCovariance
from sklearn.neighbors import NearestNeighbors

from kit.robust import detection_quality, energy_score, mahalanobis_score, neighbor_score, softmax_score

FEATURES = torch.randn(80, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(80) % 3


def test_softmax_and_energy_by_hand():
    logits = torch.tensor([[0.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
    assert torch.allclose(
        softmax_score(logits), torch.tensor([0.5, 1 / (1 + np.exp(2))], dtype=torch.float64)
    )
    expected = -torch.tensor([np.log(2), np.log(np.exp(2) + 1)], dtype=torch.float64)
    assert torch.allclose(energy_score(logits), expected)
    assert torch.allclose(energy_score(logits, temperature=2.0), -2 * torch.logsumexp(logits / 2, 1))


def test_mahalanobis_equals_scikit_learns_distances():
    new = FEATURES[:10] * 2
    means = torch.stack([FEATURES[c == LABELS].mean(0) for c in range(3)])
    fitted = EmpiricalCovariance(assume_centered=True).fit((FEATURES - means[LABELS]).numpy())
    theirs = np.min([fitted.mahalanobis((new - mean).numpy()) for mean in means], axis=0)
    assert np.allclose(mahalanobis_score(new, FEATURES, LABELS).numpy(), theirs, atol=1e-9)


def test_neighbours_equal_scikit_learns():
    unit = (FEATURES / FEATURES.norm(dim=1, keepdim=True)).numpy()
    distance, _ = NearestNeighbors(n_neighbors=7).fit(unit[10:]).kneighbors(unit[:10])
    assert np.allclose(neighbor_score(FEATURES[:10], FEATURES[10:], k=7).numpy(), distance[:, 6], atol=1e-7)


def test_strange_pictures_score_higher(digits, trained):
    model, x, _ = trained
    known, y = digits
    noise = torch.rand(120, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        inside, outside, features, strange = (model[:-1](p) for p in (x, noise, known[:1500], noise))
        logits = model(x), model(noise)
    scores = {
        "softmax": [softmax_score(values) for values in logits],
        "energy": [energy_score(values) for values in logits],
        "mahalanobis": [mahalanobis_score(f, features, y[:1500]) for f in (inside, outside)],
        "neighbours": [neighbor_score(f, features) for f in (inside, strange)],
    }
    assert {name: detection_quality(*pair)["auc"] > 0.8 for name, pair in scores.items()} == dict.fromkeys(
        scores, True
    )


def test_detection_quality_by_hand():
    inside, outside = np.arange(20), np.array([5.5, 18.5, 18.7, 30.0])
    quality = detection_quality(inside, outside)
    assert quality["auc"] == pytest.approx((6 + 19 + 19 + 20) / 80)
    assert quality["fpr95"] == 0.25  # 0 to 18 are let in, and with them 5.5
    assert detection_quality([0.0], [1.0]) == {"auc": 1.0, "fpr95": 0.0}


def test_fpr95_counts_ties_and_rounds_up():
    assert detection_quality([0.0] * 10, [0.0] * 4) == {"auc": 0.5, "fpr95": 1.0}
    inside = [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10]  # 9 of 10 are less than 95 %, so all are let in
    assert detection_quality(inside, [9.5, 11])["fpr95"] == 0.5
    inside = [0.0] * 18 + [1.0, 2.0]  # steps of known and strange at the same scores, on a straight line
    assert detection_quality(inside, [1.0, 2.0, 3.0])["fpr95"] == pytest.approx(1 / 3)
    scores = torch.tensor([0.1, 0.9], requires_grad=True)
    assert detection_quality(scores, scores + 1)["auc"] == 1.0


def test_softmax_scores_of_sure_networks_still_differ():
    """1 - p is 0 in float32 for both; the mass of the others is not."""
    sure = softmax_score(torch.tensor([[30.0, 0.0, 0.0], [40.0, 0.0, 0.0]]))
    assert torch.allclose(sure, 2 * torch.exp(torch.tensor([-30.0, -40.0])), rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: energy_score(FEATURES, temperature=0), "temperature=0 is out of range; give a float > 0"),
        (lambda: neighbor_score(FEATURES, FEATURES[:3]), "k=10 is out of range; give an int >= 1 and <= 3"),
        (
            lambda: neighbor_score(FEATURES, FEATURES[:, :3]),
            "features has shape (80, 5), its last dimension must be 3; reshape it",
        ),
        (
            lambda: mahalanobis_score(FEATURES, FEATURES, LABELS[1:]),
            "len(known)=80, len(y)=79 differ; give one entry of each per sample",
        ),
        (
            lambda: detection_quality([0.1], []),
            "outside is empty; give at least one item",
        ),
    ],
)
def test_mistakes_in_scores_are_named(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message
