"""Exercises of lesson 02: claims, metrics, intervals, goals."""

import math

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def wilson(k, n):
    z, p = 1.96, k / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return centre - half, centre + half


def positive_predictive_value_at_one_percent():
    found = 0.90 * 0.01  # ill and positive
    alarms = (1 - 0.90) * 0.99  # healthy and positive
    return found / (found + alarms)


def f1(tp, fp, fn, tn):
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    return 2 * precision * recall / (precision + recall)  # = 2 tp / (2 tp + fp + fn)


def two_readings(before, change):
    relative = before * (1 + change / 100)
    points = before + change
    return relative, points


def best_of_fifty():
    # The best has k or fewer right exactly when all fifty have: P(best <= k) = P(one <= k)^50.
    one = [math.comb(100, k) / 2**100 for k in range(101)]
    all_at_most = [sum(one[: k + 1]) ** 50 for k in range(101)]
    best = [after - before for before, after in zip([0.0, *all_at_most], all_at_most)]
    return sum(k * p for k, p in enumerate(best)) / 100


def goals_that_can_fail():
    # A metric, a threshold, a population and a date: only these two can turn out to be missed.
    return {"recall 0.95", "calls in ten minutes"}


def smallest_flawless_test():
    # With k = n Wilson's lower end is n / (n + z^2), which reaches 0.95 at n = 19 z^2 = 72.99.
    n = 1
    while n / (n + 1.96**2) < 0.95:
        n += 1
    return n


def _draw_share(rng):
    n = int(rng.integers(5, 400))
    return int(rng.integers(0, n + 1)), n


def _draw_counts(rng):
    tp, fp, fn = (int(v) for v in rng.integers(1, 60, size=3))
    return tp, fp, fn, int(rng.integers(0, 2000))


def _draw_change(rng):
    return float(rng.integers(40, 70)), float(rng.integers(2, 28))


def _wald(k, n):
    p = k / n
    half = 1.96 * math.sqrt(p * (1 - p) / n)
    return p - half, p + half


def _wilson_around_the_share(k, n):
    low, high = wilson(k, n)
    return k / n - (high - low) / 2, k / n + (high - low) / 2


def _wilson_ninety_percent(k, n):
    z, p = 1.644854, k / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return centre - half, centre + half


def _agresti_coull(k, n):
    p, more = (k + 1.96**2 / 2) / (n + 1.96**2), n + 1.96**2
    half = 1.96 * math.sqrt(p * (1 - p) / more)
    return p - half, p + half


def _wilson_backwards(k, n):
    return wilson(k, n)[::-1]


def _wilson_in_percent(k, n):
    return tuple(100 * end for end in wilson(k, n))


def _of_accuracy_and_recall(tp, fp, fn, tn):
    accuracy, recall = (tp + tn) / (tp + fp + fn + tn), tp / (tp + fn)
    return 2 * accuracy * recall / (accuracy + recall)


def _arithmetic_mean(tp, fp, fn, tn):
    return (tp / (tp + fp) + tp / (tp + fn)) / 2


def _recall(tp, fp, fn, tn):
    return tp / (tp + fn)


def _precision(tp, fp, fn, tn):
    return tp / (tp + fp)


def _f1_in_percent(tp, fp, fn, tn):
    return 100 * f1(tp, fp, fn, tn)


def _accuracy(tp, fp, fn, tn):
    return (tp + tn) / (tp + fp + fn + tn)


def _swapped(before, change):
    return before + change, before * (1 + change / 100)


def _fewer_errors(before, change):
    return 100 - (100 - before) * (1 - change / 100), before + change


def _only_the_change(before, change):
    return before * change / 100, change


def _as_shares(before, change):
    return before * (1 + change / 100) / 100, (before + change) / 100


EXERCISES = (
    Exercise(
        "1",
        "Wilson's interval",
        2,
        10,
        (
            "centre = (p + z²/2n) / (1 + z²/n) with p = k/n and z = 1.96",
            "half width = z / (1 + z²/n) · √(p(1-p)/n + z²/4n²)",
        ),
        Function(
            wilson,
            _draw_share,
            (
                Mistake(_wald, "this is the textbook (Wald) interval; see what it gives for k = n"),
                Mistake(
                    _wilson_around_the_share,
                    "the width is right; the centre is not k/n, it is pulled towards 1/2",
                ),
                Mistake(
                    _wilson_ninety_percent,
                    "this is the 90 % interval, with z = 1.645; a 95 % interval leaves 2.5 % on each side",
                ),
                Mistake(
                    _agresti_coull,
                    "the centre is right, the width is not: this is the Agresti-Coull interval, see the hint",
                ),
                Mistake(_wilson_backwards, "both ends are right; return the lower one first"),
                Mistake(_wilson_in_percent, "right, but in per cent; give shares between 0 and 1"),
            ),
            relative=1e-3,
            absolute=1e-5,
        ),
    ),
    Exercise(
        "2",
        "A positive test at 1 % prevalence",
        1,
        5,
        (
            "imagine 10,000 people: how many are ill, and how many of those test positive?",
            "now the false alarms: 10 % of the 9,900 healthy ones",
        ),
        Number(
            positive_predictive_value_at_one_percent,
            (
                Mistake(
                    0.9,
                    "0.9 is the chance of a positive test if ill; asked is that of being ill if positive",
                ),
                Mistake(0.08, "rounded too far; give three decimals"),
                Mistake(100 / 12, "right, but in per cent; give a share between 0 and 1"),
                Mistake(1 / 11, "this is true alarms over false alarms; divide by all alarms"),
                Mistake(0.009, "this is the share of ill and positive people; divide by all positives"),
                Mistake(
                    0.108, "this is the share of all people with a positive test; how many of those are ill?"
                ),
                Mistake(
                    0.01, "this is the share of the ill before the test; the positive test has changed it"
                ),
            ),
        ),
    ),
    Exercise(
        "3",
        "F1 from four counts",
        1,
        5,
        (
            "precision = TP / (TP + FP), recall = TP / (TP + FN)",
            "the harmonic mean of a and b is 2ab / (a + b)",
        ),
        Function(
            f1,
            _draw_counts,
            (
                Mistake(
                    _of_accuracy_and_recall,
                    "this is the formula of article 004, with accuracy; F1 takes precision and recall",
                ),
                Mistake(_arithmetic_mean, "this is the arithmetic mean; F1 is the harmonic one"),
                Mistake(_accuracy, "this is the accuracy; F1 never looks at TN"),
                Mistake(_recall, "this is the recall, one of the two ingredients"),
                Mistake(_precision, "this is the precision, one of the two ingredients"),
                Mistake(_f1_in_percent, "right, but in per cent; give a share between 0 and 1"),
            ),
        ),
    ),
    Exercise(
        "4",
        "Two readings of +20 %",
        1,
        5,
        ("relative: multiply by 1.2", "points: add 20 percentage points"),
        Function(
            two_readings,
            _draw_change,
            (
                Mistake(_swapped, "both numbers are right; return the relative reading first"),
                Mistake(
                    _fewer_errors,
                    "the first reading cuts the errors by a share; relative is before · (1 + change/100)",
                ),
                Mistake(_only_the_change, "these are the gains; add them to `before`"),
                Mistake(_as_shares, "right as shares; `before` is in per cent, so return per cent"),
            ),
        ),
    ),
    Exercise(
        "5",
        "The best of fifty coin-flippers",
        2,
        10,
        (
            "simulate: fifty binomial numbers with n = 100 and p = 1/2, take the largest, repeat 2,000 times",
            "exactly: P(best <= k) = P(one <= k)^50",
        ),
        Number(
            best_of_fifty,
            (
                Mistake(0.5, "0.5 is the mean of one flipper; asked is the mean of the best of fifty"),
                Mistake(0.55, "one standard deviation above 0.5; the best of fifty lies further out"),
                Mistake(
                    0.6, "two standard deviations above 0.5; the best of fifty lies a little further out"
                ),
                Mistake(0.62, "close; repeat more contests and take the mean of the winning scores"),
                Mistake(61.2, "right as a number of cases; give the share of the 100 cases"),
                Mistake(1.0, "nobody gets all right by flipping: that has probability 2^-100"),
            ),
        ),
    ),
    Exercise(
        "6",
        "Which goals can fail?",
        2,
        5,
        (
            "for each goal, describe the report that would make you say: missed",
            "no metric, no threshold or no date means that no report can do so",
        ),
        Choice(
            ("stay ahead", "recall 0.95", "over 95 %", "calls in ten minutes", "open ecosystem"),
            goals_that_can_fail,
            (
                Mistake("recall 0.95", "this one can fail; one more can, although it is about people"),
                Mistake(
                    "calls in ten minutes", "this one can fail; one more can, and it names its population"
                ),
                Mistake(
                    {"recall 0.95", "calls in ten minutes", "over 95 %"},
                    "“over 95 %” has a number but neither metric nor population nor date: any report fits",
                ),
                Mistake(
                    {"recall 0.95", "over 95 %"},
                    "a number alone is no metric; and one goal that is not about a model can fail too",
                ),
                Mistake(
                    "over 95 %", "it has a number, but of what, on which cases, by when? Two others say so"
                ),
                Mistake(
                    {"stay ahead", "recall 0.95", "over 95 %", "calls in ten minutes", "open ecosystem"},
                    "for each of them write the sentence of a report that shows it missed; three have none",
                ),
                Mistake(
                    {"stay ahead", "open ecosystem"},
                    "these two can never be missed; look for a metric, a threshold and a date",
                ),
            ),
        ),
    ),
    Exercise(
        "7",
        "How long without a mistake?",
        3,
        10,
        (
            "put k = n into Wilson's lower end: it becomes n / (n + z²)",
            "solve n / (n + z²) >= 0.95 with z = 1.96, and round up",
        ),
        Number(
            smallest_flawless_test,
            (
                Mistake(72, "at 72 the lower end is 0.949; one case more (19 z² is just under 73)"),
                Mistake(20, "at 20 of 20 Wilson's lower end is only 0.839; you need more cases"),
                Mistake(
                    59,
                    "59 is right for a one-sided exact test (0.95^59 < 0.05); asked is Wilson's interval",
                ),
                Mistake(19, "you left out z²: n = 19 z²"),
            ),
        ),
    ),
)
