"""Exercises of lesson 19: privacy."""

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def k_of_the_table():
    # decade and first two digits: two of (3, 10), three of (4, 10), two of (3, 20)
    ages, codes = (31, 38, 42, 47, 45, 33, 36), (1001, 1094, 1012, 1001, 1077, 2040, 2093)
    rows = [(age // 10, code // 100) for age, code in zip(ages, codes)]
    return min(rows.count(row) for row in rows)


def deviation_of_laplace_noise():
    scale = 1 / (1 / 4)  # sensitivity over epsilon: composition leaves a quarter of the budget to each
    return 2**0.5 * scale  # a Laplace variable of scale b has variance 2 b^2


def sensitivity_without_clipping():
    return "unbounded"


def k_after_both(first, second):
    both = list(zip(first, second))  # who is in this class and in that one
    return min(both.count(pair) for pair in both)


def after_one_round(w, gradients, samples, lr):
    total = sum(samples)
    mean = sum(n / total * g for n, g in zip(samples, gradients))
    return w - lr * mean  # the weighted mean of w - lr g_k


def least_epsilon(tpr, fpr, delta):
    import math

    hits = (tpr - delta) / fpr  # TPR <= e^eps FPR + delta
    misses = (1 - fpr - delta) / (1 - tpr)  # the same for "not a member"
    return math.log(max(1.0, hits, misses))


def unmask(masked, masks, arrived, modulus):
    total = sum(masked[i] for i in arrived)
    for (i, j), mask in masks.items():  # i added it, j subtracted it
        if i in arrived and j not in arrived:
            total = total - mask
        if j in arrived and i not in arrived:
            total = total + mask
    return total % modulus


def _draw_classes(rng):
    n, classes = int(rng.integers(10, 24)), rng.permutation([2, 3])
    return rng.integers(0, classes[0], n).tolist(), rng.integers(0, classes[1], n).tolist()


def _draw_round(rng):
    clients, size = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    w, gradients = rng.normal(size=size), [rng.normal(size=size) for _ in range(clients)]
    return w, gradients, rng.integers(1, 200, clients).tolist(), float(rng.uniform(0.01, 1))


def _draw_rates(rng):
    tpr, fpr = sorted(rng.uniform(0.02, 0.98, 2).tolist(), reverse=True)
    if rng.random() < 0.2:
        tpr, fpr = fpr, tpr  # an attack worse than chance
    return tpr, fpr, float(rng.choice([0.0, 1e-5, 0.01]))


def _draw_masks(rng):
    n, size, modulus = int(rng.integers(3, 6)), int(rng.integers(2, 4)), 2**16
    masks = {(i, j): rng.integers(0, modulus, size) for i in range(n) for j in range(i + 1, n)}
    masked = rng.integers(0, 1000, (n, size))
    for (i, j), mask in masks.items():
        masked[i], masked[j] = masked[i] + mask, masked[j] - mask
    gone = set(rng.choice(n, size=int(rng.integers(1, n - 1)), replace=False).tolist())
    arrived = [i for i in range(n) if i not in gone]
    return {i: masked[i] % modulus for i in arrived}, masks, arrived, modulus


def _k_of_the_first(first, second):
    return min(first.count(c) for c in first)


def _smaller_k(first, second):
    return min(_k_of_the_first(first, second), _k_of_the_first(second, first))


def _unique_rows(first, second):
    both = list(zip(first, second))
    return sum(both.count(pair) == 1 for pair in both)


def _product_of_k(first, second):
    return _k_of_the_first(first, second) * _k_of_the_first(second, first)


def _unweighted_round(w, gradients, samples, lr):
    return w - lr * sum(gradients) / len(gradients)


def _summed_round(w, gradients, samples, lr):
    return w - lr * sum(gradients)


def _weighted_sum_round(w, gradients, samples, lr):
    return w - lr * sum(n * g for n, g in zip(samples, gradients))


def _uphill_round(w, gradients, samples, lr):
    return w + lr * sum(n * g for n, g in zip(samples, gradients)) / sum(samples)


def _hits_alone(tpr, fpr, delta):
    import math

    return math.log(max(1.0, (tpr - delta) / fpr))


def _without_delta(tpr, fpr, delta):
    return least_epsilon(tpr, fpr, 0.0)


def _may_be_negative(tpr, fpr, delta):
    import math

    return math.log(max((tpr - delta) / fpr, (1 - fpr - delta) / (1 - tpr), 1e-12))


def _without_logarithm(tpr, fpr, delta):
    import math

    return math.exp(least_epsilon(tpr, fpr, delta))


def _plain_sum(masked, masks, arrived, modulus):
    return sum(masked[i] for i in arrived) % modulus


def _all_masks(masked, masks, arrived, modulus):
    return (sum(masked[i] for i in arrived) - sum(masks.values())) % modulus


def _wrong_sign(masked, masks, arrived, modulus):
    plain = _plain_sum(masked, masks, arrived, modulus)
    return (2 * plain - unmask(masked, masks, arrived, modulus)) % modulus


def _without_modulus(masked, masks, arrived, modulus):
    return unmask(masked, masks, arrived, modulus) - modulus


EXERCISES = (
    Exercise(
        "1",
        "The k of a small table",
        1,
        4,
        (
            "write down decade and first two digits for each of the seven patients",
            "how many patients share each pair? The smallest of these counts is k",
        ),
        Number(
            k_of_the_table,
            (
                Mistake(
                    3, "that is the largest crowd; k is the size of the smallest, for it must hold for all"
                ),
                Mistake(
                    1, "with the exact values everybody stands alone; first generalize as the table says"
                ),
                Mistake(7, "seven is the number of rows; k counts rows that look alike in both columns"),
                Mistake(5, "that is one column alone; a neighbour knows both columns of the same person"),
            ),
            relative=0,
            absolute=0.1,
        ),
    ),
    Exercise(
        "2",
        "How far off is one answer?",
        1,
        3,
        (
            "epsilons of answers about the same people add up; how much is left for each of the four?",
            "the scale b of the noise is sensitivity over epsilon",
            "Laplace noise is the difference of two exponential variables, each of variance b squared",
        ),
        Number(
            deviation_of_laplace_noise,
            (
                Mistake(2**0.5, "that spends the whole budget on one count; the four must share it"),
                Mistake(4, "that is the scale b; compute the square root of the variance, 2 b squared"),
                Mistake(32, "that is the variance; the standard deviation is its square root"),
                Mistake(2 * 2**0.5, "budgets add up in proportion, not as roots: each count gets a quarter"),
                Mistake(0.25 * 2**0.5, "a smaller epsilon needs more noise, not less"),
            ),
        ),
    ),
    Exercise(
        "3",
        "Noise without clipping",
        1,
        3,
        (
            "sensitivity: the most that one person more can change the sum, over all persons there could be",
            "how long can the gradient of one picture be if nobody limits the pixels?",
        ),
        Choice(
            ("0", "1", "the longest gradient in the data", "sigma", "unbounded"),
            sensitivity_without_clipping,
            (
                Mistake(
                    "the longest gradient in the data",
                    "who joins need not be like those there, and that length itself tells of the data",
                ),
                Mistake("sigma", "sigma is your noise; sensitivity is how much there is to hide"),
                Mistake("1", "it would be the clip norm, had anybody clipped"),
                Mistake("0", "then one record more would change nothing at all"),
            ),
        ),
    ),
    Exercise(
        "4",
        "Two releases of the same people",
        2,
        6,
        (
            "an attacker knows one person's class in both releases",
            "count who shares both, for every person; take the smallest count",
        ),
        Function(
            k_after_both,
            _draw_classes,
            (
                Mistake(
                    _k_of_the_first, "the second release tells something, too: count who shares both classes"
                ),
                Mistake(
                    _smaller_k, "two crowds can overlap in one person: the crowd left is their intersection"
                ),
                Mistake(_unique_rows, "that counts those who stand alone; wanted is the smallest crowd"),
                Mistake(_product_of_k, "crowds do not multiply: knowing more can only make a crowd smaller"),
            ),
        ),
    ),
    Exercise(
        "5",
        "One round of federated averaging",
        2,
        6,
        (
            "client k sends w - lr g_k; what does the server make of these?",
            "a hospital with twice the patients counts twice",
        ),
        Function(
            after_one_round,
            _draw_round,
            (
                Mistake(
                    _unweighted_round, "weigh each client by its samples, or a small one counts too much"
                ),
                Mistake(_summed_round, "the server takes a mean of the models, not the sum of the steps"),
                Mistake(_weighted_sum_round, "divide by the number of all samples"),
                Mistake(_uphill_round, "a step goes against the gradient"),
            ),
            relative=1e-6,
        ),
    ),
    Exercise(
        "6",
        "The epsilon that an attack proves",
        2,
        8,
        (
            'the definition holds for the event "the attacker says member" and for its opposite',
            "solve both inequalities for epsilon; both must hold, so take the larger result",
            "a guarantee below 0 does not exist: the smallest epsilon is 0",
        ),
        Function(
            least_epsilon,
            _draw_rates,
            (
                Mistake(_hits_alone, 'there is a second event: the attacker says "not a member"'),
                Mistake(
                    _without_delta, "delta may excuse a part of each rate: subtract it from the larger side"
                ),
                Mistake(_may_be_negative, "where an attack proves nothing, the answer is 0, not less"),
                Mistake(_without_logarithm, "that is e to the epsilon; take the logarithm"),
            ),
        ),
    ),
    Exercise(
        "7",
        "A client drops out",
        3,
        20,
        (
            "in the sum of those who arrived, the masks between two who arrived have cancelled",
            "left over are masks between one who arrived and one who did not; whose sign do they carry?",
        ),
        Function(
            unmask,
            _draw_masks,
            (
                Mistake(_plain_sum, "the masks shared with those who left are still in the sum"),
                Mistake(_all_masks, "masks between two clients who arrived cancel already; leave them alone"),
                Mistake(
                    _wrong_sign, "the sign is the other one: i added the mask of (i, j), j subtracted it"
                ),
                Mistake(_without_modulus, "end with the remainder modulo `modulus`"),
            ),
        ),
    ),
)
