"""Exercises of lesson 05: optimisers, regularisation, the training loop."""

import copy
import math

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def first_step_without_correction():
    g = 1.0
    m = (1 - 0.9) * g  # both averages start at 0
    v = (1 - 0.95) * g**2
    return m / math.sqrt(v)  # in units of the learning rate


def largest_step(beta1, beta2):
    steps = [(1 - beta1**t) / math.sqrt(1 - beta2**t) for t in range(1, 5000)]
    return max(steps)


def step_of_article_003_in_the_long_run():
    g = 5.0
    m, v = g / 2, g**2 / 2  # m = 0.9 m + 0.1 (g - m) stands still at g / 2, and v at half of g^2
    return m / math.sqrt(v)  # 1 / sqrt(2) for every g; the corrections tend to 1


def momentum_forms_compared():
    mu = 0.99
    in_torch = 1 / (1 - mu)  # v = mu v + g stands still at g / (1 - mu)
    as_average = 1.0  # v = mu v + (1 - mu) g stands still at g
    return in_torch / as_average


def adamw_step(p, g, m, v, t, lr, decay):
    p = p * (1 - lr * decay)  # past Adam: the averages never see it
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g**2
    m_hat = m / (1 - 0.9**t)
    v_hat = v / (1 - 0.999**t)
    return p - lr * m_hat / (v_hat**0.5 + 1e-8), m, v


def bugs_in_the_listing():
    # zero_grad after the step is fragile, but right while the gradients start empty.
    return {"train() never comes back", "batches weigh the same"}


def whole_gradient(model, pieces, loss_function):
    import torch

    model.zero_grad()  # it may have been used before
    samples = sum(len(y) for _, y in pieces)
    for x, y in pieces:
        loss = loss_function(model(x), y) * len(y) / samples
        loss.backward()  # adds to the gradients of the pieces before
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def _draw_betas(rng):
    return float(rng.uniform(0.5, 0.95)), float(rng.uniform(0.98, 0.9995))


def _draw_step(rng):
    import torch

    shape = (int(rng.integers(1, 5)),)
    p, g, m = (torch.from_numpy(rng.normal(size=shape)) for _ in range(3))
    v = torch.from_numpy(rng.uniform(0.1, 2, size=shape))
    return p, g, m, v, int(rng.integers(1, 50)), float(rng.uniform(0.01, 0.5)), float(rng.uniform(0.05, 0.5))


def _draw_pieces(rng):
    import torch

    model = torch.nn.Linear(3, 4).double()
    for values in model.parameters():
        values.data = torch.from_numpy(rng.normal(size=tuple(values.shape)))
    model.copy = lambda: _used(model)  # what the grading hands out
    pieces = [
        (torch.from_numpy(rng.normal(size=(n, 3))), torch.from_numpy(rng.integers(0, 4, size=n)))
        for n in (8, 5, 1)
    ]
    return model, pieces, torch.nn.functional.cross_entropy


def _used(model):
    """A copy of the model with a gradient left over from earlier use."""
    used = copy.deepcopy(model)
    for values in used.parameters():
        values.grad = values.detach() + 1
    return used


def _first_step(beta1, beta2):
    return (1 - beta1) / math.sqrt(1 - beta2)


def _when_largest(beta1, beta2):
    return max(range(1, 5000), key=lambda t: (1 - beta1**t) / math.sqrt(1 - beta2**t))


def _largest_without_root(beta1, beta2):
    return max((1 - beta1**t) / (1 - beta2**t) for t in range(1, 5000))


def _where_it_ends(beta1, beta2):
    return 1.0


def _step_without_correction(p, g, m, v, t, lr, decay):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return p * (1 - lr * decay) - lr * m / (v**0.5 + 1e-8), m, v


def _step_with_l2(p, g, m, v, t, lr, decay):
    return adamw_step(p, g + decay * p, m, v, t, lr, 0.0)


def _step_without_decay(p, g, m, v, t, lr, decay):
    return adamw_step(p, g, m, v, t, lr, 0.0)


def _decay_without_rate(p, g, m, v, t, lr, decay):
    return adamw_step(p, g, m, v, t, lr, decay / lr)


def _step_of_003(p, g, m, v, t, lr, decay):
    p, m, v = p * (1 - lr * decay), 0.9 * m + 0.1 * (g - m), 0.999 * v + 0.001 * (g**2 - v)
    return p - lr * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)) ** 0.5 + 1e-8), m, v


def _step_without_root(p, g, m, v, t, lr, decay):
    p, m, v = p * (1 - lr * decay), 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return p - lr * (m / (1 - 0.9**t)) / (v / (1 - 0.999**t) + 1e-8), m, v


def _step_uphill(p, g, m, v, t, lr, decay):
    new, m, v = adamw_step(p, g, m, v, t, lr, decay)
    return 2 * p * (1 - lr * decay) - new, m, v


def _step_keeps_corrected(p, g, m, v, t, lr, decay):
    new, m, v = adamw_step(p, g, m, v, t, lr, decay)
    return new, m / (1 - 0.9**t), v / (1 - 0.999**t)


def _gradients(model, pieces, loss_function, weight, clear=True):
    """The flat gradient of the sum of `weight(piece)` times the piece's loss."""
    import torch

    if clear:
        model.zero_grad()
    for x, y in pieces:
        (loss_function(model(x), y) * weight(y)).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def _samples(pieces):
    return sum(len(y) for _, y in pieces)


def _sum_of_pieces(model, pieces, loss_function):
    return _gradients(model, pieces, loss_function, lambda y: 1)


def _mean_of_pieces(model, pieces, loss_function):
    return _gradients(model, pieces, loss_function, lambda y: 1 / len(pieces))


def _sum_of_samples(model, pieces, loss_function):
    return _gradients(model, pieces, loss_function, len)


def _with_leftover(model, pieces, loss_function):
    samples = _samples(pieces)
    return _gradients(model, pieces, loss_function, lambda y: len(y) / samples, clear=False)


def _last_piece(model, pieces, loss_function):
    samples = _samples(pieces)
    return _gradients(model, pieces[-1:], loss_function, lambda y: len(y) / samples)


EXERCISES = (
    Exercise(
        "1",
        "The first step with other betas",
        1,
        3,
        (
            "m = (1 - 0.9) g and v = (1 - 0.95) g² after one step",
            "the step is m / √v: put g = 1 and divide",
        ),
        Number(
            first_step_without_correction,
            (
                Mistake(math.sqrt(10), "this is the step for β₂ = 0.999; here it is 0.95"),
                Mistake(1.0, "1 is the step with the correction; leave it out"),
                Mistake(2.0, "0.1 / 0.05: the root of v is missing"),
                Mistake(0.1, "this is m alone; divide by the root of v"),
                Mistake(math.sqrt(5), "upside down: m = 0.1 stands above the line, √v = 0.224 below it"),
            ),
        ),
    ),
    Exercise(
        "2",
        "The largest step without correction",
        2,
        8,
        (
            "after t steps m = 1 - β₁^t and v = 1 - β₂^t",
            "m has caught up long before v has: form m / √v for t = 1, 2, ... and take the largest",
        ),
        Function(
            largest_step,
            _draw_betas,
            (
                Mistake(_when_largest, "this is the step at which it happens; return its size"),
                Mistake(_first_step, "this is the first step; it still grows from there"),
                Mistake(_largest_without_root, "divide by the root of v, not by v"),
                Mistake(_where_it_ends, "1 is where it ends, after many steps; look for the peak before"),
            ),
        ),
    ),
    Exercise(
        "3",
        "Where article 003's Adam ends",
        2,
        5,
        (
            "a recursion has come to rest when m = 0.9 m + 0.1 (g - m); solve for m",
            "do the same for v with g² in place of g, then form m / √v",
        ),
        Number(
            step_of_article_003_in_the_long_run,
            (
                Mistake(2.5, "2.5 is where m ends; divide by the root of where v ends"),
                Mistake(0.5, "m ends at half of g, but v at half of g²: take the root of that"),
                Mistake(0.2, "2.5 / 12.5: the root of v is missing"),
                Mistake(1.0, "1 is the step of the right recursion; here g - m holds m down"),
                Mistake(5 / math.sqrt(2), "a five times larger gradient makes √v five times larger too"),
                Mistake(0.508206, "this is its smallest step, at t = 58; it rises again afterwards"),
            ),
        ),
    ),
    Exercise(
        "4",
        "Two kinds of momentum",
        1,
        3,
        (
            "let the gradient be 1 for ever: where does v come to rest in each form?",
            "v = μ v + 1 rests at 1 / (1 - μ)",
        ),
        Number(
            momentum_forms_compared,
            (
                Mistake(10.0, "10 is for μ = 0.9; here μ = 0.99"),
                Mistake(0.01, "the other way round: torch's form is the one without (1 - μ)"),
                Mistake(0.99, "0.99 is μ itself; solve v = 0.99 v + 1"),
                Mistake(1.0, "the average rests at g, torch's form does not: solve v = 0.99 v + 1"),
            ),
        ),
    ),
    Exercise(
        "5",
        "One step of AdamW",
        2,
        8,
        (
            "first the decay of the weights, then the two averages, the two corrections, the step",
            "return the averages as they are, without the correction: they are the memory",
        ),
        Function(
            adamw_step,
            _draw_step,
            (
                Mistake(_step_without_correction, "this is article 004's Adam: divide m and v by 1 - β^t"),
                Mistake(_step_with_l2, "this is L2 inside Adam: multiply p by 1 - lr · decay instead"),
                Mistake(_step_without_decay, "this is Adam; multiply p by 1 - lr · decay before the step"),
                Mistake(_decay_without_rate, "the decay is scaled by the learning rate: 1 - lr · decay"),
                Mistake(
                    _step_of_003,
                    "this is article 003's Adam: the average is β m + (1 - β) g, without - m",
                ),
                Mistake(_step_without_root, "divide by the root of v, not by v"),
                Mistake(_step_uphill, "this climbs: subtract the step"),
                Mistake(_step_keeps_corrected, "return m and v themselves; the corrected ones are used once"),
            ),
        ),
    ),
    Exercise(
        "6",
        "Bug hunt: what gives a wrong number?",
        2,
        5,
        (
            "ask of each: if every gradient starts empty, is any printed number or any weight different?",
            "two of them change a number",
        ),
        Choice(
            (
                "train() never comes back",
                "batches weigh the same",
                "zero_grad after step",
                "no_grad in evaluation",
                "shuffled batches",
            ),
            bugs_in_the_listing,
            (
                Mistake(
                    {"train() never comes back", "batches weigh the same", "zero_grad after step"},
                    "zero_grad after the step is fragile, but right while the gradients start empty",
                ),
                Mistake("train() never comes back", "one more: what does a last batch of one sample count?"),
                Mistake("batches weigh the same", "one more: in which mode does the second epoch run?"),
                Mistake("zero_grad after step", "that order works as long as the gradients start empty"),
                Mistake(
                    {"train() never comes back", "zero_grad after step"},
                    "the order of zero_grad works here; what does a last batch of one sample count?",
                ),
                Mistake(
                    {"batches weigh the same", "zero_grad after step"},
                    "the order of zero_grad works here; in which mode does the second epoch run?",
                ),
                Mistake("no_grad in evaluation", "an evaluation needs no gradients; no number changes"),
                Mistake("shuffled batches", "a new order every epoch is wanted; the listing leaves it open"),
            ),
        ),
    ),
    Exercise(
        "7",
        "A large batch in small pieces",
        3,
        15,
        (
            "backward adds to the gradients that are there: clear them once, before the first piece",
            "a piece's mean loss counts by its share of all samples: times len(y) / samples",
        ),
        Function(
            whole_gradient,
            _draw_pieces,
            (
                Mistake(_sum_of_pieces, "this adds up means; weigh each by its share of the samples"),
                Mistake(_mean_of_pieces, "this is the article's average: a piece of 1 counts like one of 8"),
                Mistake(_sum_of_samples, "this is the gradient of the sum; divide by the number of samples"),
                Mistake(_with_leftover, "the model came with old gradients: clear them before you start"),
                Mistake(_last_piece, "only the last piece is left: clear the gradients once, not per piece"),
            ),
        ),
    ),
)
