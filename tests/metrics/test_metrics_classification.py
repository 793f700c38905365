"""Label metrics against scikit-learn, their own arithmetic, and bad input."""

import numpy as np
import pytest
import sklearn.metrics as oracle
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import metrics

labels = st.integers(0, 4)
pairs = st.lists(st.tuples(labels, labels), min_size=1, max_size=60)


def split(pairs):
    return [t for t, _ in pairs], [p for _, p in pairs]


@given(pairs, st.sampled_from([None, "true", "pred", "all"]))
@settings(max_examples=100, deadline=None)
def test_confusion_matrix_equals_scikit_learn(pairs, normalize):
    truth, guess = split(pairs)
    order = [4, 0, 1, 2, 3]
    ours = metrics.confusion_matrix(truth, guess, labels=order, normalize=normalize)
    theirs = oracle.confusion_matrix(truth, guess, labels=order, normalize=normalize)
    np.testing.assert_allclose(ours, theirs, rtol=1e-15)


@given(pairs, st.sampled_from(["macro", "micro", "weighted"]), st.sampled_from([0, 1, float("nan")]))
@settings(max_examples=150, deadline=None)
def test_averages_equal_scikit_learn(pairs, average, zero_division):
    truth, guess = split(pairs)
    options = {"average": average, "zero_division": zero_division}
    for name in ("precision_score", "recall_score", "f1_score"):
        ours = getattr(metrics, name)(truth, guess, **options)
        theirs = getattr(oracle, name)(truth, guess, **options)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, err_msg=name)


@given(pairs, st.sampled_from([0.5, 1, 2]))
@settings(max_examples=60, deadline=None)
def test_by_class_equals_scikit_learn(pairs, beta):
    truth, guess = split(pairs)
    ours = metrics.precision_recall_fscore_support(truth, guess, beta=beta, zero_division=0)
    theirs = oracle.precision_recall_fscore_support(truth, guess, beta=beta, zero_division=0)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_binary_metrics_equal_scikit_learn(pairs):
    truth, guess = ([int(v) for v in side] for side in split(pairs))
    for name in ("precision_score", "recall_score", "f1_score"):
        ours = getattr(metrics, name)(truth, guess, zero_division=0)
        assert ours == pytest.approx(getattr(oracle, name)(truth, guess, zero_division=0), abs=1e-15)
    assert metrics.accuracy_score(truth, guess) == oracle.accuracy_score(truth, guess)
    ours = metrics.specificity_score(truth, guess, zero_division=0)
    assert ours == pytest.approx(oracle.recall_score(truth, guess, pos_label=0, zero_division=0), abs=1e-15)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.filterwarnings("ignore:A single label was found")
@given(pairs)
@settings(max_examples=60, deadline=None)
def test_balanced_accuracy_equals_scikit_learn(pairs):
    truth, guess = split(pairs)
    assert metrics.balanced_accuracy_score(truth, guess) == pytest.approx(
        oracle.balanced_accuracy_score(truth, guess), abs=1e-12
    )


def test_a_constant_guess_has_adjusted_balanced_accuracy_zero():
    assert metrics.balanced_accuracy_score([0, 1, 2, 2], [2, 2, 2, 2], adjusted=True) == 0


def test_lists_arrays_tensors_and_text_give_the_same():
    truth, guess = [0, 1, 1, 0, 1], [0, 1, 0, 0, 1]
    expected = metrics.f1_score(truth, guess)
    assert expected == pytest.approx(0.8)
    assert metrics.f1_score(np.array(truth), torch.tensor(guess)) == expected
    assert metrics.f1_score([torch.tensor(v) for v in truth], guess) == expected
    words = [["healthy", "ill"][v] for v in truth], [["healthy", "ill"][v] for v in guess]
    assert metrics.f1_score(*words, pos_label="ill") == expected
    assert metrics.accuracy_score(truth, guess, normalize=False) == 4


def test_rare_disease_has_high_accuracy_and_a_poor_f1():
    truth = [1] * 10 + [0] * 990
    guess = [1] * 5 + [0] * 5 + [1] * 45 + [0] * 945
    assert metrics.confusion_matrix(truth, guess).tolist() == [[945, 45], [5, 5]]
    assert metrics.accuracy_score(truth, guess) == 0.95
    assert metrics.f1_score(truth, guess) == pytest.approx(1 / 6)


def test_predictive_values_follow_bayes_on_counts():
    # 10,000 people, prevalence 1 %, sensitivity 90 %, specificity 90 %: 90 hits, 990 alarms
    assert metrics.positive_predictive_value(0.9, 0.9, 0.01) == pytest.approx(90 / 1080)
    assert metrics.negative_predictive_value(0.9, 0.9, 0.01) == pytest.approx(8910 / 8920)


def test_only_the_asked_ratio_complains_about_its_zero_division():
    assert metrics.recall_score([0, 1], [0, 0]) == 0
    message = "precision of class 1 is 0/0, the class is never predicted; say what it counts as: "
    with pytest.raises(ValueError, match=f"^{message}zero_division=0, 1 or nan$"):
        metrics.precision_score([0, 1], [0, 0])
    with pytest.raises(ValueError, match=r"^recall of class 2 is 0/0, the class is absent from y_true; "):
        metrics.recall_score([0, 1], [0, 2], average="macro")
    with pytest.raises(ValueError, match=r"^F of class 1 is 0/0, the class is neither true nor predicted; "):
        metrics.f1_score([0, 0], [0, 0])
    with pytest.raises(
        ValueError, match=r"^specificity of class 1 is 0/0, the class is the only class of y_true"
    ):
        metrics.specificity_score([1, 1], [1, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: metrics.accuracy_score([1, 2], [1]),
            "len(y_true)=2, len(y_pred)=1 differ; give one entry of each per sample",
        ),
        (lambda: metrics.accuracy_score([], []), "y_true is empty; give at least one item"),
        (
            lambda: metrics.accuracy_score([[1, 2]], [1]),
            "y_true has shape (1, 2), one dimension is needed; give one entry per sample",
        ),
        (
            lambda: metrics.accuracy_score([1, 0], [0.9, 0.2]),
            "y_pred holds fractions, labels are needed; compare scores with a threshold first",
        ),
        (
            lambda: metrics.accuracy_score([1.0, float("nan")], [1, 1]),
            "y_true holds 1 NaN or infinite values of 2; remove or replace them",
        ),
        (
            lambda: metrics.f1_score([0, 1, 2], [0, 1, 2]),
            "average='binary' with 3 classes, two are allowed; "
            "choose average='macro', 'micro', 'weighted' or None",
        ),
        (
            lambda: metrics.f1_score([1, 2], [1, 2], pos_label=3),
            "pos_label=3 is not known; choose from 1, 2",
        ),
        (
            lambda: metrics.f1_score([0, 1], [0, 1], zero_division=0.5),
            "zero_division=0.5 is not known; choose from 0, 1, nan",
        ),
        (
            lambda: metrics.confusion_matrix([0, 1], [0, 1], labels=[7]),
            "labels=[7] hold none of y_true; list at least one label that occurs",
        ),
        (
            lambda: metrics.balanced_accuracy_score([1, 1], [1, 1], adjusted=True),
            "adjusted=True, y_true holds one class; give two classes or adjusted=False",
        ),
        (
            lambda: metrics.positive_predictive_value(0, 1, 0.5),
            "sensitivity=0, specificity=1, prevalence=0.5 give no positive test; "
            "its predictive value is undefined, change one of them",
        ),
        (
            lambda: metrics.negative_predictive_value(1, 0, 0.5),
            "sensitivity=1, specificity=0, prevalence=0.5 give no negative test; "
            "its predictive value is undefined, change one of them",
        ),
        (
            lambda: metrics.positive_predictive_value(90, 0.9, 0.01),
            "sensitivity=90 is out of range; give a float >= 0 and <= 1",
        ),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message


def test_labels_of_two_kinds_are_refused():
    with pytest.raises(TypeError, match=r"; give labels of one kind, both text or both numbers$"):
        metrics.accuracy_score(["0", "1"], [0, 1])
