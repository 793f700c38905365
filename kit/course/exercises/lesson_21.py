"""Exercises of lesson 21: explanations, and how to test them."""

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def linear_shapley(weight, x, background):
    # A feature's share: its weight times its distance from what is usual, the mean of the background.
    return weight * (x - background.mean(0))


def share_of_the_second_player():
    from itertools import permutations

    worth = {"": 0, "A": 10, "B": 20, "C": 0, "AB": 60, "AC": 10, "BC": 38, "ABC": 90}
    gains = []
    for order in permutations("ABC"):  # in all six orders: what does B add to those before it?
        before = "".join(sorted(order[: order.index("B")]))
        gains.append(worth["".join(sorted(before + "B"))] - worth[before])
    return sum(gains) / len(gains)


def changes_without(attention, values):
    import torch

    output = attention @ values
    changes = []
    for t in range(len(attention)):
        rest = attention.clone()
        rest[t] = 0
        rest = rest / rest.sum()  # the others share what is left, as a softmax without t would
        changes.append(rest @ values - output)
    return torch.stack(changes)


def methods_that_look_at_the_weights():
    # B keeps 0.97 and D 0.88 of its ranks although nothing of what was learned is left.
    return {"A", "C"}


def integrated(gradient, x, baseline, steps):
    import torch

    total = torch.zeros_like(x)
    for k in range(steps):
        alpha = (k + 0.5) / steps  # the middle of each step
        total = total + gradient(baseline + alpha * (x - baseline))
    return (x - baseline) * total / steps


def where_the_stain_is():
    from kit import interpret
    from kit.plot.interpretation import stained_digits

    model, x, y = stained_digits()
    answer = None
    for digit in range(10):
        values = interpret.InputXGradient(model).attribute(x[y == digit], target=digit).values.mean(0)
        row, column = divmod(int(values.argmax()), 8)  # of the strongest pixel
        if column in (0, 7):  # nobody writes there
            answer = 100 * digit + 10 * row + column
    return answer


def shapley(value, players):
    from itertools import permutations

    shares, orders = [0.0] * players, list(permutations(range(players)))
    for order in orders:
        present = set()
        for player in order:
            before = value(frozenset(present))
            present.add(player)
            shares[player] += (value(frozenset(present)) - before) / len(orders)
    return shares


def _draw_linear(rng):
    import torch

    D = int(rng.integers(2, 6))
    w, x = (torch.from_numpy(rng.normal(size=D)) for _ in range(2))
    return w, x, torch.from_numpy(rng.normal(loc=1.0, size=(int(rng.integers(3, 9)), D)))


def _draw_attention(rng):
    import torch

    T = int(rng.integers(3, 7))
    return torch.from_numpy(rng.dirichlet([1.0] * T)), torch.from_numpy(rng.normal(size=T) + 2)


def _draw_path(rng):
    import torch

    a = torch.from_numpy(rng.normal(size=3))
    x, baseline = (torch.from_numpy(rng.normal(size=3)) for _ in range(2))
    return lambda z: a * z**3 + z.sum(), x, baseline, int(rng.integers(2, 6))


def _draw_game(rng):
    players = int(rng.integers(3, 5))
    table = rng.normal(size=2**players).round(2)
    return lambda S, table=table: float(table[sum(1 << i for i in S)]), players


def _without_mean(weight, x, background):
    return weight * x


def _weights_alone(weight, x, background):
    return weight + 0 * x


def _first_row(weight, x, background):
    return weight * (x - background[0])


def _turned_round(weight, x, background):
    return -linear_shapley(weight, x, background)


def _attention_itself(attention, values):
    return attention


def _not_renormalised(attention, values):
    return -attention * values


def _other_sign(attention, values):
    return -changes_without(attention, values)


def _its_own_part(attention, values):
    return attention * values


def _at_the_end(gradient, x, baseline, steps):
    return (x - baseline) * gradient(x)


def _without_path(gradient, x, baseline, steps):
    return integrated(gradient, x, baseline, steps) / (x - baseline)


def _times_x(gradient, x, baseline, steps):
    return integrated(gradient, x, baseline, steps) / (x - baseline) * x


def _left_ends(gradient, x, baseline, steps):
    points = [gradient(baseline + k / steps * (x - baseline)) for k in range(steps)]
    return (x - baseline) * sum(points) / steps


def _alone(value, players):
    return [value(frozenset([i])) - value(frozenset()) for i in range(players)]


def _last(value, players):
    everyone = frozenset(range(players))
    return [value(everyone) - value(everyone - {i}) for i in range(players)]


def _plain_mean(value, players):
    from itertools import combinations

    shares = []
    for i in range(players):
        rest = [j for j in range(players) if j != i]
        groups = [frozenset(g) for n in range(players) for g in combinations(rest, n)]
        shares.append(sum(value(g | {i}) - value(g) for g in groups) / len(groups))
    return shares


EXERCISES = (
    Exercise(
        "1",
        "Shapley values of a straight line",
        1,
        4,
        (
            "what does the score lose if the feature goes back to its usual value?",
            "the usual value is the mean of the background, column by column",
        ),
        Function(
            linear_shapley,
            _draw_linear,
            (
                Mistake(_without_mean, "this compares with zero; compare with the mean of the background"),
                Mistake(
                    _weights_alone, "a weight is a price a unit; how many units above the mean are there?"
                ),
                Mistake(_first_row, "one row is one applicant; the usual value is the mean over the rows"),
                Mistake(
                    _turned_round, "the sign is turned: above the mean times a positive weight is for it"
                ),
            ),
        ),
    ),
    Exercise(
        "2",
        "Three partners",
        2,
        6,
        (
            "write down the six orders in which A, B and C can arrive",
            "in each order, B's gain is the worth with B minus the worth just before B came",
        ),
        Number(
            share_of_the_second_player,
            (
                Mistake(30, "an equal split ignores who brought what"),
                Mistake(20, "this is what B is worth alone; B also adds to the others"),
                Mistake(80, "this is what B adds as the last; B does not always come last"),
                Mistake(
                    47,
                    "B comes first in two of the six orders and last in two: the four cases differ in weight",
                ),
            ),
        ),
    ),
    Exercise(
        "3",
        "Attention is not importance",
        2,
        8,
        (
            "without token t the remaining weights must add up to 1 again",
            "the change is the output without t minus the output with it",
        ),
        Function(
            changes_without,
            _draw_attention,
            (
                Mistake(_attention_itself, "this is where the layer looks; asked is what it would miss"),
                Mistake(
                    _not_renormalised,
                    "the softmax over the rest adds up to 1 again: rescale the weights left",
                ),
                Mistake(_other_sign, "the change is the output without t minus the output with it"),
                Mistake(
                    _its_own_part, "a token's part of the sum is not what changes when the others take over"
                ),
            ),
        ),
    ),
    Exercise(
        "4",
        "After the weights are gone",
        1,
        4,
        (
            "an explanation of what a network learned must change when that is destroyed",
            "a rank correlation near 1 means: the same picture as before",
        ),
        Choice(
            ("A", "B", "C", "D"),
            methods_that_look_at_the_weights,
            (
                Mistake(
                    {"B", "D"}, "these look the same without the learned weights: they cannot depend on them"
                ),
                Mistake({"A"}, "-0.02 is no better and no worse a sign than 0.11: both are near no relation"),
                Mistake(
                    {"C"}, "a slightly negative number means no relation as well as a slightly positive one"
                ),
                Mistake(
                    {"A", "C", "D"}, "0.88 is most of the picture, and nothing was left of what was learned"
                ),
            ),
        ),
    ),
    Exercise(
        "5",
        "Integrated gradients",
        2,
        8,
        (
            "walk from the baseline to x in equal steps and take the gradient in the middle of each",
            "the mean gradient is multiplied by x - baseline, entry by entry",
        ),
        Function(
            integrated,
            _draw_path,
            (
                Mistake(_at_the_end, "this is one gradient, at x; take the mean over the way"),
                Mistake(_without_path, "multiply the mean gradient by x - baseline"),
                Mistake(_times_x, "the way is x - baseline, and the baseline is not zero here"),
                Mistake(
                    _left_ends, "take the middle of each step, alpha = (k + 0.5) / steps, not its left end"
                ),
            ),
            relative=1e-6,
        ),
    ),
    Exercise(
        "6",
        "Catch the shortcut",
        2,
        6,
        (
            "choose integrated gradients and go through all ten digits",
            "in which digit is the strongest pixel one where nobody writes?",
        ),
        Number(
            where_the_stain_is,
            (
                Mistake(273, "row and column are exchanged; the row is the one counted from the top"),
                Mistake(31, "digit, row, column: three figures; which digit carries it?"),
                Mistake(
                    123, "the strongest pixel of the ten, but inside the stroke of a 1: that is evidence"
                ),
                Mistake(
                    810,
                    "saliency points at pixels that are dark in every 8; does the network use them there?",
                ),
                Mistake(248, "rows and columns are counted from 0"),
            ),
            relative=0,
            absolute=0.5,
        ),
    ),
    Exercise(
        "7",
        "Shapley values of any game",
        3,
        20,
        (
            "go through all orders of the players with itertools.permutations",
            "each player gets the mean of its gains over the orders",
        ),
        Function(
            shapley,
            _draw_game,
            (
                Mistake(_alone, "this is what each is worth alone; what does it add to the others?"),
                Mistake(_last, "this is what each adds as the last; take all orders"),
                Mistake(
                    _plain_mean,
                    "orders weigh the same, coalitions do not: the small and the large count more",
                ),
            ),
            relative=1e-6,
            absolute=1e-9,
        ),
    ),
)
