"""Exercises of lesson 07: embeddings and sequences."""

import math

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def weights_of_a_bidirectional_gru():
    D, H = 64, 64
    gate = H * D + H * H + 2 * H  # W, R and two biases
    one_direction = 3 * gate  # reset, update, new
    return 2 * one_direction


def weights_of_the_lstm_in_torch():
    D, H = 64, 128
    gate = H * D + H * H + 2 * H  # Keras has H instead of 2 H
    return 4 * gate  # input, forget, cell, output


def changed_by_pads_behind():
    # Read from the left, the states up to the last real character have seen no pad.
    return {"the mean of all states", "the last state"}


def gru_step(x, h, W, R, b, c):
    import torch

    x_r, x_z, x_n = (x @ W.T + b).chunk(3, dim=-1)
    h_r, h_z, h_n = (h @ R.T + c).chunk(3, dim=-1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return (1 - z) * n + z * h


def masked_mean(x, padding):
    total = x.masked_fill(padding[..., None], 0.0).sum(dim=1)
    count = (~padding).sum(dim=1, keepdim=True).clamp(min=1)  # a text of padding only: 0 / 1
    return total / count


def bias_that_keeps_half():
    gate = 0.5 ** (1 / 100)  # gate ** 100 = 0.5
    return math.log(gate / (1 - gate))  # the sigmoid, solved for its argument


def size_of_the_recommender():
    users, films, width = 671, 9066, 16
    return (users + films) * (width + 1)  # the mean rating is a constant, not a parameter


def share_without_arithmetic(E, quadruples):
    unit = E / E.norm(dim=1, keepdim=True)
    same = 0
    for a, b, c, _ in quadruples.tolist():
        proposals = []
        for vector in (unit[b] - unit[a] + unit[c], unit[c]):
            score = unit @ vector
            score[[a, b, c]] = -math.inf
            proposals.append(int(score.argmax()))
        same += proposals[0] == proposals[1]
    return same / len(quadruples)


def _draw_step(rng):
    import torch

    B, D, H = (int(n) for n in rng.integers(2, 5, size=3))
    shapes = ((B, D), (B, H), (3 * H, D), (3 * H, H), (3 * H,), (3 * H,))
    return tuple(torch.from_numpy(rng.normal(size=shape)) for shape in shapes)


def _draw_texts(rng):
    import torch

    B, T, D = 4, int(rng.integers(3, 7)), 2
    x = torch.from_numpy(rng.normal(size=(B, T, D)))
    lengths = torch.from_numpy(rng.integers(1, T, size=B))
    lengths[0] = 0
    padding = torch.arange(T) >= lengths[:, None]
    x[padding] = 100.0
    return x, padding


def _draw_analogies(rng):
    import torch

    E = torch.from_numpy(rng.normal(size=(12, 4)) * rng.uniform(0.5, 3, size=(12, 1)))
    rows = [rng.permutation(12)[:4] for _ in range(8)]
    return E, torch.tensor([row.tolist() for row in rows])


def _gates_swapped(x, h, W, R, b, c):
    def turn(t):
        r, z, n = t.chunk(3)
        return __import__("torch").cat([z, r, n])

    return gru_step(x, h, turn(W), turn(R), turn(b), turn(c))


def _update_the_other_way(x, h, W, R, b, c):
    H = h.shape[-1]
    W, R, b, c = (t.clone() for t in (W, R, b, c))
    for t in (W, R, b, c):
        t[H : 2 * H] *= -1  # sigmoid(-a) = 1 - sigmoid(a)
    return gru_step(x, h, W, R, b, c)


def _reset_before_the_product(x, h, W, R, b, c):
    import torch

    H = h.shape[-1]
    a = x @ W.T + b
    r, z = torch.sigmoid(a[:, : 2 * H] + h @ R[: 2 * H].T + c[: 2 * H]).chunk(2, dim=-1)
    n = torch.tanh(a[:, 2 * H :] + (r * h) @ R[2 * H :].T + c[2 * H :])
    return (1 - z) * n + z * h


def _without_reset(x, h, W, R, b, c):
    import torch

    _, x_z, x_n = (x @ W.T + b).chunk(3, dim=-1)
    _, h_z, h_n = (h @ R.T + c).chunk(3, dim=-1)
    z = torch.sigmoid(x_z + h_z)
    return (1 - z) * torch.tanh(x_n + h_n) + z * h


def _bias_outside_the_reset(x, h, W, R, b, c):
    import torch

    x_r, x_z, x_n = (x @ W.T + b).chunk(3, dim=-1)
    h_r, h_z, h_n = (h @ R.T).chunk(3, dim=-1)
    c_r, c_z, c_n = c.chunk(3)
    r, z = torch.sigmoid(x_r + h_r + c_r), torch.sigmoid(x_z + h_z + c_z)
    return (1 - z) * torch.tanh(x_n + r * h_n + c_n) + z * h


def _mean_of_everything(x, padding):
    return x.mean(dim=1)


def _divided_by_the_length(x, padding):
    return x.masked_fill(padding[..., None], 0.0).mean(dim=1)


def _sum_of_the_text(x, padding):
    return x.masked_fill(padding[..., None], 0.0).sum(dim=1)


def _mean_of_the_pads(x, padding):
    return masked_mean(x, ~padding)


def _empty_is_nan(x, padding):
    return x.masked_fill(padding[..., None], 0.0).sum(dim=1) / (~padding).sum(dim=1, keepdim=True)


def _nothing_excluded(E, quadruples):
    return _share(E / E.norm(dim=1, keepdim=True), quadruples, lambda a, b, c: [])


def _only_c_excluded(E, quadruples):
    return _share(E / E.norm(dim=1, keepdim=True), quadruples, lambda a, b, c: [c])


def _not_scaled(E, quadruples):
    return _share(E, quadruples, lambda a, b, c: [a, b, c])


def _counted(E, quadruples):
    return share_without_arithmetic(E, quadruples) * len(quadruples)


def _how_often_right(E, quadruples):
    unit, right = E / E.norm(dim=1, keepdim=True), 0
    for a, b, c, d in quadruples.tolist():
        score = unit @ (unit[b] - unit[a] + unit[c])
        score[[a, b, c]] = -math.inf
        right += int(score.argmax()) == d
    return right / len(quadruples)


def _share(rows, quadruples, excluded):
    same = 0
    for a, b, c, _ in quadruples.tolist():
        scores = [rows @ vector for vector in (rows[b] - rows[a] + rows[c], rows[c])]
        for score in scores:
            score[excluded(a, b, c)] = -math.inf
        same += int(scores[0].argmax()) == int(scores[1].argmax())
    return same / len(quadruples)


EXERCISES = (
    Exercise(
        "1",
        "Weights of a bidirectional GRU",
        1,
        3,
        (
            "one gate: W is 64 x 64, R is 64 x 64, and two biases of 64",
            "a GRU has three such blocks (reset, update, new), and there are two directions",
        ),
        Number(
            weights_of_a_bidirectional_gru,
            (
                Mistake(24_960, "this is one direction; the second one has its own weights"),
                Mistake(49_536, "this is with one bias vector; PyTorch has two for each gate"),
                Mistake(66_560, "this has four blocks, as an LSTM; a GRU has three"),
                Mistake(16_640, "these are two gates; the new state needs a block too, in both directions"),
                Mistake(49_152, "the biases are missing: two of 64 for each of the six blocks"),
            ),
            relative=1e-6,
        ),
    ),
    Exercise(
        "2",
        "The LSTM that two libraries count differently",
        2,
        5,
        (
            "one gate: W is 128 x 64, R is 128 x 128, then the biases",
            "there are four blocks; PyTorch adds two bias vectors of 128 to each",
        ),
        Number(
            weights_of_the_lstm_in_torch,
            (
                Mistake(98_816, "this is Keras's count, with one bias vector; PyTorch adds a second one"),
                Mistake(98_944, "the second bias has 128 numbers in each of the four blocks, not once"),
                Mistake(98_304, "the biases are missing: 2 x 128 for each of four blocks"),
                Mistake(74_496, "these are three blocks, a GRU; an LSTM has four"),
                Mistake(33_792, "R is 128 x 128: it reads the state, which has 128 numbers, not 64"),
                Mistake(66_560, "R is 128 x 128: it reads the state, which has 128 numbers, not 64"),
            ),
            relative=1e-6,
        ),
    ),
    Exercise(
        "3",
        "What an unmasked pad changes",
        1,
        4,
        (
            "the state at step t has seen steps 1 to t and nothing later",
            "for each of the four: does it use a state at or after a pad?",
        ),
        Choice(
            (
                "the mean of all states",
                "the last state",
                "the first state",
                "the state at the last real character",
            ),
            changed_by_pads_behind,
            (
                Mistake("the last state", "one more: which of the others also takes in states at pads?"),
                Mistake("the mean of all states", "one more: where does the network stop reading?"),
                Mistake("the first state", "the first state has seen the first character only"),
                Mistake("the state at the last real character", "it was computed before any pad was read"),
                Mistake(
                    {
                        "the mean of all states",
                        "the last state",
                        "the state at the last real character",
                    },
                    "reading from the left, the last real character comes before the pads",
                ),
                Mistake(
                    {"the mean of all states", "the last state", "the first state"},
                    "the first state has seen the first character only",
                ),
            ),
        ),
    ),
    Exercise(
        "4",
        "The GRU cell",
        2,
        8,
        (
            "cut x W^T + b and h R^T + c into three pieces each with chunk(3, dim=-1)",
            "the reset gate multiplies the third piece of h R^T + c, bias included, inside the tanh",
        ),
        Function(
            gru_step,
            _draw_step,
            (
                Mistake(_gates_swapped, "the first rows are the reset gate's, the second the update gate's"),
                Mistake(_update_the_other_way, "z keeps the old state: (1 - z) n + z h"),
                Mistake(
                    _reset_before_the_product,
                    "here r acts after the product: r * (R_n h + c_n), not R_n (r * h) + c_n",
                ),
                Mistake(_bias_outside_the_reset, "r multiplies the bias c_n as well: r * (R_n h + c_n)"),
                Mistake(_without_reset, "the reset gate is missing inside the tanh"),
            ),
        ),
    ),
    Exercise(
        "5",
        "The masked mean",
        2,
        6,
        (
            "x.masked_fill(padding[..., None], 0.0) makes the filler harmless in a sum",
            "divide by the number of real steps of each text, at least 1",
        ),
        Function(
            masked_mean,
            _draw_texts,
            (
                Mistake(_mean_of_everything, "this is the mean with the filler; leave padded steps out"),
                Mistake(_divided_by_the_length, "divide by the number of real steps, not by T"),
                Mistake(_sum_of_the_text, "this is the sum; divide by the number of real steps"),
                Mistake(_mean_of_the_pads, "padding is true where nothing is; use the other steps"),
                Mistake(_empty_is_nan, "a text of padding only must give 0: divide by at least 1"),
            ),
        ),
    ),
    Exercise(
        "6",
        "How wide to open the gate",
        2,
        5,
        (
            "with weights 0 the gate is sigmoid(b) at every step, and 100 steps multiply",
            "find the gate first: gate ** 100 = 0.5; then solve the sigmoid for b",
        ),
        Number(
            bias_that_keeps_half,
            (
                Mistake(
                    0.0, "a bias of 0 opens the gate by half: half is gone after one step, not after 100"
                ),
                Mistake(0.5 ** (1 / 100), "this is the gate itself; which bias makes the sigmoid give it?"),
                Mistake(math.log(199), "keeping 1 - 0.5/100 each step is near, but the losses multiply"),
                Mistake(math.log(2 ** (1 / 100) - 1), "the sign: an open gate needs a positive bias"),
                Mistake(math.log(100), "take gate = 0.5 ** (1 / 100), then b = log(gate / (1 - gate))"),
            ),
        ),
    ),
    Exercise(
        "7",
        "The size of a recommender",
        1,
        3,
        (
            "every user and every film has 16 numbers and one bias",
            "(users + films) x 17; the mean rating is a constant",
        ),
        Number(
            size_of_the_recommender,
            (
                Mistake(155_792, "the biases are missing: one for each user and each film"),
                Mistake(165_530, "the mean rating is computed from the data, it is no parameter"),
                Mistake(6_083_286, "a factorisation has no number for each pair: add users and films"),
                Mistake(164_858, "users have a bias too"),
                Mistake(156_463, "films have a bias too"),
            ),
            relative=1e-6,
        ),
    ),
    Exercise(
        "8",
        "Analogies that are only neighbours",
        3,
        15,
        (
            "for each quadruple find two rows: the best for b - a + c, and the best for c",
            "set the scores of a, b and c to -inf before each argmax, on rows scaled to length 1",
        ),
        Function(
            share_without_arithmetic,
            _draw_analogies,
            (
                Mistake(_nothing_excluded, "a, b and c must never be proposed: set their scores to -inf"),
                Mistake(_only_c_excluded, "a and b are excluded too, in both searches"),
                Mistake(_not_scaled, "scale the rows to length 1 before you add and compare them"),
                Mistake(_counted, "this is a number of quadruples; divide by how many there are"),
                Mistake(_how_often_right, "d is not used: compare the two proposals with each other"),
            ),
        ),
    ),
)
