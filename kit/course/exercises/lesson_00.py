"""Exercises of lesson 00: how answers are checked, and the first two functions."""

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def chance_of_ten_classes():
    return 1 / 10  # every digit is as likely, and a guess is right for one of ten


def error_rate():
    wrong, n = 81, 540
    return wrong / n


def accuracy(y, answers):
    return sum(int(t == a) for t, a in zip(y, answers)) / len(y)


def nearest_centre(x, centres):
    import torch

    squared = ((x[:, None, :] - centres[None, :, :]) ** 2).sum(-1)  # (N, C)
    return torch.argmin(squared, dim=1)


def checkable_statement():
    return "C"


def what_a_claim_needs():
    return {"metric", "value", "data", "number of cases"}


def _draw_labels(rng):
    n = int(rng.integers(1, 30))
    y = rng.integers(0, 3, size=n)
    return y, (y + (rng.random(n) < 0.4)) % 3


def _draw_points(rng):
    import torch

    n, c, d = (int(v) for v in rng.integers(2, 7, size=3))
    return torch.from_numpy(rng.normal(size=(n, d))), torch.from_numpy(rng.normal(size=(c, d)))


def _counts(y, answers):
    return sum(int(t == a) for t, a in zip(y, answers))


def _wrong_share(y, answers):
    return sum(int(t != a) for t, a in zip(y, answers)) / len(y)


def _farthest(x, centres):
    import torch

    return torch.cdist(x, centres).argmax(dim=1)


def _best_of_each_centre(x, centres):
    import torch

    return torch.cdist(x, centres).argmin(dim=0)


def _signed_difference(x, centres):
    import torch

    return torch.argmin((x[:, None, :] - centres[None, :, :]).sum(-1), dim=1)


EXERCISES = (
    Exercise(
        "1",
        "Guessing",
        1,
        2,
        (
            "ten digits, all as frequent: how often is a blind guess right?",
            "give the share, a number from 0 to 1",
        ),
        Number(
            chance_of_ten_classes,
            (
                Mistake(10.0, "10 is the percentage; give the share, a number from 0 to 1"),
                Mistake(0.5, "0.5 would be right for two classes; there are ten"),
                Mistake(0.9, "0.9 is how often a guess is wrong"),
            ),
        ),
    ),
    Exercise(
        "2",
        "An error rate",
        1,
        3,
        ("wrong answers divided by all answers", "81 of 540"),
        Number(
            error_rate,
            (
                Mistake(0.85, "this is the accuracy; the error rate is what is left to 1"),
                Mistake(81 / 459, "you divided by the right answers; divide by all of them"),
                Mistake(15.0, "15 is the percentage; give the share, a number from 0 to 1"),
            ),
        ),
    ),
    Exercise(
        "3",
        "Accuracy as a function",
        1,
        8,
        ("compare the two lists position by position", "divide the number of equal entries by the length"),
        Function(
            accuracy,
            _draw_labels,
            (
                Mistake(_counts, "this counts the right answers; divide by how many there are"),
                Mistake(
                    _wrong_share, "this is the error rate; count the equal entries, not the different ones"
                ),
            ),
        ),
    ),
    Exercise(
        "4",
        "The nearest average as a function",
        2,
        12,
        (
            "x[:, None, :] - centres[None, :, :] has shape (N, C, D)",
            "square, add over the last dimension, take the argmin over the centres",
        ),
        Function(
            nearest_centre,
            _draw_points,
            (
                Mistake(_farthest, "this is the farthest centre; take the smallest distance"),
                Mistake(
                    _best_of_each_centre,
                    "this gives a point for each centre; take the argmin over the centres",
                ),
                Mistake(_signed_difference, "differences of both signs cancel; square them before you add"),
            ),
        ),
    ),
    Exercise(
        "5",
        "Which statement can be checked?",
        2,
        5,
        (
            "which statement could turn out false on a stated set of data?",
            "look for a metric, a number, the data, n",
        ),
        Choice(
            ("A", "B", "C", "D"),
            checkable_statement,
            (
                Mistake("A", "A sounds precise, but 'over 95 %' of what, on which data, how many cases?"),
                Mistake("B", "B names no number that could be wrong"),
                Mistake("D", "D compares with 'before', and nobody wrote down what was before"),
            ),
        ),
    ),
    Exercise(
        "6",
        "What a claim needs",
        1,
        4,
        ("a claim must be able to fail", "who said it does not make it true or false"),
        Choice(
            ("metric", "value", "data", "number of cases", "author's fame", "a picture"),
            what_a_claim_needs,
            (
                Mistake(("metric", "value"), "a value of what, measured on what? two parts are missing"),
                Mistake(
                    ("metric", "value", "data"),
                    "95 of 100 and 9,500 of 10,000 are the same share; say how many",
                ),
                Mistake(
                    ("metric", "value", "data", "number of cases", "author's fame"),
                    "the first four are right; fame is no evidence",
                ),
            ),
        ),
    ),
)
