"""Exercises of lesson 17: robustness, drift, security."""

import math

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def largest_gain_of_a_linear_score():
    w, x, eps = (3.0, -1.0, 2.0, 0.5), (0.2, 0.05, 0.95, 0.5), 0.1
    gain = 0.0
    for weight, value in zip(w, x):
        room = 1 - value if weight > 0 else value  # up to white, or down to black
        gain += abs(weight) * min(eps, room)
    return gain


def worst_input(w, x, eps):
    import torch

    moved = x - eps * torch.sign(w)  # each pixel against its weight, as far as it may go
    return moved.clamp(0, 1)  # and no farther than black or white


def population_stability_index():
    before, now = (0.25, 0.25, 0.25, 0.25), (0.4, 0.3, 0.2, 0.1)
    return sum((q - p) * math.log(q / p) for p, q in zip(before, now))


def unseen_direction(g, d):
    along = (g @ d) / (d @ d)  # how much of d there is in g
    return g - along * d  # what is left is at right angles to d


def reports_not_to_believe():
    # B: one step of FGSM is one of the paths that PGD may take; 20 steps that do less are a bad search.
    # C: with eps = 1 every picture may become any other; whoever still stands was not attacked.
    return {"B", "C"}


def days_with_a_false_alarm():
    quiet = (1 - 0.01) ** 30  # chance that none of 30 columns alarms
    return 365 * (1 - quiet)


def forgetting(accuracy):
    T = len(accuracy)
    lost = []
    for task in range(T - 1):  # the last task has had no time to be forgotten
        best = max(accuracy[after][task] for after in range(T - 1))
        lost.append(best - accuracy[T - 1][task])
    return sum(lost) / len(lost)


def _draw_score(rng):
    import torch

    D = int(rng.integers(3, 8))
    w = torch.from_numpy(rng.normal(size=D))
    return w, torch.from_numpy(rng.uniform(0, 1, size=D)), float(rng.uniform(0.1, 0.4))


def _draw_gradients(rng):
    import torch

    D = int(rng.integers(3, 8))
    return torch.from_numpy(rng.normal(size=D)), torch.from_numpy(3 * rng.normal(size=D))


def _draw_table(rng):
    T = int(rng.integers(3, 6))
    return ([[float(a) for a in row] for row in rng.uniform(0, 1, size=(T, T))],)


def _best_input(w, x, eps):
    import torch

    return (x + eps * torch.sign(w)).clamp(0, 1)


def _worst_outside(w, x, eps):
    import torch

    return x - eps * torch.sign(w)


def _worst_by_length(w, x, eps):
    return (x - eps * w / w.norm()).clamp(0, 1)


def _worst_by_weight(w, x, eps):
    return (x - eps * w).clamp(0, 1)


def _projected_onto(g, d):
    return (g @ d) / (d @ d) * d


def _without_division(g, d):
    return g - (g @ d) * d


def _divided_by_length(g, d):
    return g - (g @ d) / d.norm() * d


def _difference(g, d):
    return g - d


def _lost_with_last(accuracy):
    T = len(accuracy)
    best = [max(accuracy[after][task] for after in range(T)) for task in range(T)]
    return sum(best[task] - accuracy[T - 1][task] for task in range(T)) / T


def _lost_since_learnt(accuracy):
    T = len(accuracy)
    return sum(accuracy[task][task] - accuracy[T - 1][task] for task in range(T - 1)) / (T - 1)


def _gained(accuracy):
    return -forgetting(accuracy)


def _lost_in_sum(accuracy):
    return forgetting(accuracy) * (len(accuracy) - 1)


EXERCISES = (
    Exercise(
        "1",
        "The largest gain of a linear score",
        1,
        4,
        (
            "without the bounds each entry gains eps · |w|",
            "a positive weight wants its entry up, but not beyond 1; a negative one down, but not below 0",
        ),
        Number(
            largest_gain_of_a_linear_score,
            (
                Mistake(
                    0.65, "this is ε‖w‖₁; the second entry can fall by 0.05 only, the third rise by 0.05"
                ),
                Mistake(0.45, "this adds the weights with their signs; a negative weight gains when x falls"),
                Mistake(0.55, "one of two: the second entry lies at 0.05 and has to fall, so it is cut too"),
                Mistake(0.6, "one of two: the third entry lies at 0.95 and has to rise, so it is cut too"),
                Mistake(
                    0.1 * math.sqrt(14.25), "this is ε‖w‖₂, for a change of length ε; here each entry has ε"
                ),
            ),
        ),
    ),
    Exercise(
        "2",
        "FGSM on a linear score",
        2,
        6,
        (
            "the gradient of w · x + b with respect to x is w",
            "the score has to fall: step against the sign of w, then cut to black and white",
        ),
        Function(
            worst_input,
            _draw_score,
            (
                Mistake(_best_input, "this raises the score; go against the gradient"),
                Mistake(_worst_outside, "some entries lie outside 0 to 1; cut them"),
                Mistake(
                    _worst_by_length,
                    "this is the worst change of length eps; here each entry may move by eps",
                ),
                Mistake(_worst_by_weight, "a small weight may use all of eps too: take the sign of w"),
            ),
        ),
    ),
    Exercise(
        "3",
        "The population stability index by hand",
        1,
        4,
        (
            "one term a bin: (q - p) ln(q / p), with p before and q now",
            "the first bin gives 0.15 · ln 1.6; all four terms are positive",
        ),
        Number(
            population_stability_index,
            (
                Mistake(0.106440, "this is Σ q ln(q / p), one direction only; weigh by q - p"),
                Mistake(0.121777, "this is Σ p ln(p / q), one direction only; weigh by q - p"),
                Mistake(0.0991, "this is with logarithms to base 10; take natural ones"),
                Mistake(0.4, "this is Σ |q - p|; multiply each difference by ln(q / p)"),
                Mistake(-0.228217, "the sign: (q - p) and ln(q / p) are both negative or both positive"),
            ),
        ),
    ),
    Exercise(
        "4",
        "A direction that the detector does not see",
        2,
        6,
        (
            "to first order a step s changes the detector's score by d · s: make that 0",
            "take from g its part along d: (g · d / d · d) d",
        ),
        Function(
            unseen_direction,
            _draw_gradients,
            (
                Mistake(
                    _projected_onto, "this is the part of g along d, all that the detector sees: subtract it"
                ),
                Mistake(_without_division, "d need not have length 1: divide by d · d"),
                Mistake(_divided_by_length, "divide by d · d, the square of the length"),
                Mistake(_difference, "g - d still moves the detector: only g's part along d has to go"),
            ),
        ),
    ),
    Exercise(
        "5",
        "Which reports do you not believe?",
        2,
        4,
        (
            "ask of each: could gradients that tell the truth give these numbers?",
            "a stronger or freer attack never leaves more standing, up to chance",
        ),
        Choice(
            ("A", "B", "C", "D"),
            reports_not_to_believe,
            (
                Mistake("B", "one more: at eps = 1 every picture may become any other"),
                Mistake("C", "one more: one step should not do more than twenty"),
                Mistake({"B", "C", "D"}, "D is sound: it is a weak network, honestly measured"),
                Mistake({"A", "B", "C"}, "A is sound: twice the steps find no more, and eps = 1 finds all"),
                Mistake("A", "A is sound: twice the steps find no more, and eps = 1 finds all"),
                Mistake("D", "D is sound: it is a weak network, honestly measured"),
            ),
        ),
    ),
    Exercise(
        "6",
        "Thirty columns, one year, no drift",
        2,
        4,
        (
            "a day is quiet when none of the 30 columns alarms",
            "365 · (1 - 0.99³⁰)",
        ),
        Number(
            days_with_a_false_alarm,
            (
                Mistake(109.5, "this counts alarms; some days have two. Ask for the chance of a quiet day"),
                Mistake(3.65, "this is one column; there are 30"),
                Mistake(270.0, "these are the quiet days"),
                Mistake(0.26, "this is the chance for one day; times 365"),
            ),
            relative=0.01,
        ),
    ),
    Exercise(
        "7",
        "How much was forgotten?",
        3,
        10,
        (
            "for each task but the last: its best accuracy before the last task, minus that at the end",
            "average over the T - 1 old tasks",
        ),
        Function(
            forgetting,
            _draw_table,
            (
                Mistake(_lost_with_last, "leave the last task out, and look for the best before the end"),
                Mistake(
                    _lost_since_learnt, "later tasks may have helped: take the best so far, not the diagonal"
                ),
                Mistake(_gained, "the other way round: forgetting is positive where accuracy fell"),
                Mistake(_lost_in_sum, "divide by the number of old tasks, T - 1"),
            ),
        ),
    ),
)
