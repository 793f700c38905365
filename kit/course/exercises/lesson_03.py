"""Exercises of lesson 03: neurons, activations, losses."""

import math

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def tanh_of_minus_one():
    e = math.exp(-2 * 1.0)  # tanh(-z) = -(1 - e^-2z) / (1 + e^-2z)
    return -(1 - e) / (1 + e)


def cross_entropy_of_the_example():
    p, q = [0.0, 1.0], [0.7, 0.3]
    return -sum(pi * math.log(qi) for pi, qi in zip(p, q) if pi > 0)


def root_mean_squared_error_of_the_houses():
    true, predicted = [200_000, 250_000, 300_000], [195_000, 245_000, 290_000]
    squares = [(t - p) ** 2 for t, p in zip(true, predicted)]
    return math.sqrt(sum(squares) / len(squares))


def optimum_of_the_one_sided_loss():
    # Samples with y = 0 contribute nothing, so only "predict 1 with certainty, always" is best.
    return "always 1"


def two_layers(x, w1, b1, w2, b2):
    import torch

    hidden = torch.relu(x @ w1.T + b1)  # (N, H)
    return hidden @ w2.T + b2  # (N, C)


def log_sum_exp(z):
    m = z.max()
    return m + (z - m).exp().sum().log()


def softmax_without_input(theta, x):
    import torch

    return torch.softmax(theta, dim=0)  # the printed formula never reads x


def _draw_layers(rng):
    import torch

    n, d, h, c = rng.integers(2, 6, size=4)
    sizes = [(n, d), (h, d), (h,), (c, h), (c,)]
    return tuple(torch.from_numpy(rng.normal(size=size)) for size in sizes)


def _draw_logits(rng):
    import torch

    scale = 10.0 ** rng.integers(0, 4)  # up to thousands: exp overflows
    return (torch.from_numpy(rng.normal(size=rng.integers(1, 7)) * scale),)


def _draw_softmax(rng):
    import torch

    return torch.from_numpy(rng.normal(size=4)), torch.from_numpy(rng.normal(size=3))


def _no_activation(x, w1, b1, w2, b2):
    return (x @ w1.T + b1) @ w2.T + b2


def _activation_at_the_end(x, w1, b1, w2, b2):
    import torch

    return torch.relu(torch.relu(x @ w1.T + b1) @ w2.T + b2)


def _no_bias(x, w1, b1, w2, b2):
    import torch

    return torch.relu(x @ w1.T) @ w2.T


def _overflows(z):
    return z.exp().sum().log()


def _only_the_maximum(z):
    return z.max()


def _forgot_to_add_back(z):
    return (z - z.max()).exp().sum().log()


def _uses_x(theta, x):
    import torch

    return torch.softmax(theta * x.sum(), dim=0)


def _not_normalised(theta, x):
    return theta.exp()


EXERCISES = (
    Exercise(
        "1",
        "tanh by hand",
        1,
        3,
        ("tanh(z) = (e^z - e^-z) / (e^z + e^-z)", "tanh is odd: tanh(-1) = -tanh(1)"),
        Number(
            tanh_of_minus_one,
            (
                Mistake(0.0, "0 is what ReLU gives; tanh goes below zero"),
                Mistake(0.7615941559557649, "the size is right; tanh is odd, so mind the sign"),
                Mistake(0.2689414213699951, "this is the sigmoid of -1; tanh(z) = 2 sigmoid(2z) - 1"),
            ),
        ),
    ),
    Exercise(
        "2",
        "The cross-entropy of the article's example",
        1,
        5,
        ("only the class that is true, p = 1, contributes", "H = -ln 0.3: use the natural logarithm"),
        Number(
            cross_entropy_of_the_example,
            (
                Mistake(0.46, "0.46 is the article's value; compute -ln 0.3"),
                Mistake(math.log2(1 / 0.3), "this is in bits (log base 2); give nats, the natural logarithm"),
                Mistake(math.log10(1 / 0.3), "this is with log base 10; give nats, the natural logarithm"),
                Mistake(-math.log(0.7), "this is -ln 0.7, the wrong class; p = 1 stands at q = 0.3"),
            ),
        ),
    ),
    Exercise(
        "3",
        "The error of the house prices, in yuan",
        1,
        5,
        ("square each error, take the mean, take the root", "the errors are 5,000, 5,000 and 10,000 yuan"),
        Number(
            root_mean_squared_error_of_the_houses,
            (
                Mistake(5e7, "this is the MSE, in square yuan; take the root to get yuan"),
                Mistake(50_000, "this is the article's value: it forgot to square 5,000 and 10,000"),
                Mistake(20_000 / 3, "this is the mean absolute error; square before you take the mean"),
            ),
        ),
    ),
    Exercise(
        "4",
        "Where the one-sided loss is lowest",
        2,
        5,
        (
            "which samples contribute anything to -y ln p?",
            "what does a sample with y = 0 cost if p is near 1?",
        ),
        Choice(
            ("always 0", "always 1", "the share of ones", "the true labels"),
            optimum_of_the_one_sided_loss,
            (
                Mistake(
                    "the true labels",
                    "the true labels cost nothing, but so does p = 1 everywhere; look at y = 0",
                ),
                Mistake(
                    "the share of ones",
                    "that is the optimum of the full loss without inputs; here y = 0 is free",
                ),
                Mistake("always 0", "p near 0 makes -ln p huge for every y = 1"),
            ),
        ),
    ),
    Exercise(
        "5",
        "Two layers as matrices",
        2,
        10,
        (
            "x has one sample per row: x @ w1.T has shape (N, H)",
            "ReLU stands between the layers, not after the last",
        ),
        Function(
            two_layers,
            _draw_layers,
            (
                Mistake(_no_activation, "without ReLU in between the two layers are one linear layer"),
                Mistake(_activation_at_the_end, "no ReLU after the last layer: logits may be negative"),
                Mistake(_no_bias, "the biases b1 and b2 are missing"),
            ),
        ),
    ),
    Exercise(
        "6",
        "A log-sum-exp that does not overflow",
        3,
        15,
        (
            "ln(sum e^z) = m + ln(sum e^(z - m)) for every m",
            "choose m = max z, so that no exponent is positive",
        ),
        Function(
            log_sum_exp,
            _draw_logits,
            (
                Mistake(_overflows, "for z = 1000 this gives infinity; subtract the maximum first"),
                Mistake(
                    _only_the_maximum,
                    "the maximum alone is close for one large z, but not for two equal ones",
                ),
                Mistake(_forgot_to_add_back, "you subtracted the maximum; add it back outside the logarithm"),
            ),
        ),
    ),
    Exercise(
        "7",
        "The softmax of article 003, as printed",
        2,
        8,
        (
            "write down what the printed formula reads: theta and the class, nothing else",
            "does x appear anywhere?",
        ),
        Function(
            softmax_without_input,
            _draw_softmax,
            (
                Mistake(_uses_x, "you used x, which is sensible, but the printed formula does not"),
                Mistake(_not_normalised, "divide by the sum over the classes, so that it adds up to 1"),
            ),
        ),
    ),
)
