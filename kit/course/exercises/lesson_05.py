"""Exercises of lesson 05: optimisers, regularisation, the training loop."""

import math

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def first_step_without_correction():
    g = 1.0
    m = (1 - 0.9) * g  # both averages start at 0
    v = (1 - 0.999) * g**2
    return m / math.sqrt(v)  # in units of the learning rate


def largest_step_without_correction():
    m = v = 0.0
    steps = []
    for _ in range(1000):
        m = 0.9 * m + (1 - 0.9) * 1.0
        v = 0.999 * v + (1 - 0.999) * 1.0
        steps.append(m / math.sqrt(v))
    return max(steps)


def step_of_article_003_in_the_long_run():
    # m = 0.9 m + 0.1 (1 - m) stands still at m = 1/2, and so does v; the corrections tend to 1.
    m, v = 0.5, 0.5
    return m / math.sqrt(v)


def momentum_forms_compared():
    mu = 0.9
    in_torch = 1 / (1 - mu)  # v = mu v + g stands still at g / (1 - mu)
    as_average = 1.0  # v = mu v + (1 - mu) g stands still at g
    return in_torch / as_average


def weight_after_a_hundred_decays():
    lr, weight_decay = 0.01, 0.1
    return (1 - lr * weight_decay) ** 100  # AdamW shrinks by lr * weight_decay, whatever the gradient


def adam_step(p, g, m, v, t, lr):
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g**2
    m_hat = m / (1 - 0.9**t)
    v_hat = v / (1 - 0.999**t)
    return p - lr * m_hat / (v_hat**0.5 + 1e-8), m, v


def mean_loss(batch_losses, batch_sizes):
    total = sum(loss * size for loss, size in zip(batch_losses, batch_sizes))
    return total / sum(batch_sizes)


def bugs_in_the_listing():
    # zero_grad after the step is fragile, but right while the gradients start empty.
    return {"train() never comes back", "batches weigh the same"}


def evaluate_model(model, test_loader, loss_function):
    import torch

    was_training = model.training
    model.eval()
    total, samples = 0.0, 0
    with torch.no_grad():
        for images, labels in test_loader:
            total += loss_function(model(images), labels).item() * len(labels)
            samples += len(labels)
    model.train(was_training)
    return total / samples, model.training


def _draw_step(rng):
    import torch

    shape = (int(rng.integers(1, 5)),)
    p, g, m = (torch.from_numpy(rng.normal(size=shape)) for _ in range(3))
    v = torch.from_numpy(rng.uniform(0.1, 2, size=shape))
    return p, g, m, v, int(rng.integers(1, 50)), float(rng.uniform(0.01, 0.5))


def _draw_losses(rng):
    full, last = int(rng.integers(8, 64)), int(rng.integers(1, 6))
    losses = rng.uniform(0, 3, size=rng.integers(2, 8))
    return losses.tolist(), [full] * (len(losses) - 1) + [last]


def _draw_evaluation(rng):
    import torch

    model = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 4)).double()
    with torch.no_grad():
        for values in model.parameters():
            values.copy_(torch.from_numpy(rng.normal(size=tuple(values.shape))))
        model[0].running_mean.copy_(torch.from_numpy(rng.normal(size=3)))
    batches = [
        (torch.from_numpy(rng.normal(size=(n, 3))), torch.from_numpy(rng.integers(0, 4, size=n)))
        for n in (8, 8, 2)
    ]
    return model, batches, torch.nn.functional.cross_entropy


def _step_without_correction(p, g, m, v, t, lr):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return p - lr * m / (v**0.5 + 1e-8), m, v


def _step_of_003(p, g, m, v, t, lr):
    m, v = 0.9 * m + 0.1 * (g - m), 0.999 * v + 0.001 * (g**2 - v)
    return p - lr * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)) ** 0.5 + 1e-8), m, v


def _step_without_root(p, g, m, v, t, lr):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return p - lr * (m / (1 - 0.9**t)) / (v / (1 - 0.999**t) + 1e-8), m, v


def _step_uphill(p, g, m, v, t, lr):
    new, m, v = adam_step(p, g, m, v, t, lr)
    return 2 * p - new, m, v


def _step_keeps_corrected(p, g, m, v, t, lr):
    new, m, v = adam_step(p, g, m, v, t, lr)
    return new, m / (1 - 0.9**t), v / (1 - 0.999**t)


def _mean_of_means(batch_losses, batch_sizes):
    return sum(batch_losses) / len(batch_losses)


def _sum_over_samples(batch_losses, batch_sizes):
    return sum(batch_losses) / sum(batch_sizes)


def _weighted_over_batches(batch_losses, batch_sizes):
    return sum(loss * size for loss, size in zip(batch_losses, batch_sizes)) / len(batch_losses)


def _evaluate_as_printed(model, test_loader, loss_function):
    model.eval()
    total = sum(loss_function(model(x), y).item() for x, y in test_loader)
    return total / len(test_loader), model.training


def _evaluate_stays_in_eval(model, test_loader, loss_function):
    loss, _ = evaluate_model(model, test_loader, loss_function)
    return loss, False


def _evaluate_unweighted(model, test_loader, loss_function):
    loss, _ = _evaluate_as_printed(model, test_loader, loss_function)
    return loss, True


def _evaluate_in_training_mode(model, test_loader, loss_function):
    total = sum(loss_function(model(x), y).item() * len(y) for x, y in test_loader)
    return total / sum(len(y) for _, y in test_loader), model.training


EXERCISES = (
    Exercise(
        "1",
        "The first step without correction",
        1,
        4,
        (
            "m = (1 - 0.9) g and v = (1 - 0.999) g² after one step",
            "the step is m / √v: put g = 1 and divide",
        ),
        Number(
            first_step_without_correction,
            (
                Mistake(1.0, "1 is the step with the correction; leave it out"),
                Mistake(100.0, "0.1 / 0.001: the root of v is missing"),
                Mistake(0.1, "this is m alone; divide by the root of v"),
                Mistake(
                    1 / math.sqrt(10), "upside down: m = 0.1 stands above the line, √v = 0.0316 below it"
                ),
            ),
        ),
    ),
    Exercise(
        "2",
        "The largest step without correction",
        2,
        8,
        (
            "after t steps m = 1 - 0.9^t and v = 1 - 0.999^t",
            "m has caught up long before v has; try t = 1 to 50 in a loop",
        ),
        Number(
            largest_step_without_correction,
            (
                Mistake(12.0, "12 is the step at which it happens; give its size"),
                Mistake(first_step_without_correction(), "this is the first step; it still grows from there"),
                Mistake(1.0, "1 is where it ends, after thousands of steps"),
                Mistake(
                    1 / math.sqrt(0.001), "1 / √0.001 would be m = 1 at t = 1; but v has grown as m arrives"
                ),
            ),
        ),
    ),
    Exercise(
        "3",
        "Where article 003's Adam ends",
        2,
        6,
        (
            "a recursion has come to rest when m = 0.9 m + 0.1 (g - m); solve for m",
            "do the same for v, then form m / √v",
        ),
        Number(
            step_of_article_003_in_the_long_run,
            (
                Mistake(0.5, "0.5 is where m ends; divide by the root of where v ends"),
                Mistake(1.0, "1 is the step of the right recursion; here g - m holds m down"),
                Mistake(0.508206, "this is its smallest step, at t = 58; it rises again afterwards"),
            ),
        ),
    ),
    Exercise(
        "4",
        "Two kinds of momentum",
        1,
        4,
        (
            "let the gradient be 1 for ever: where does v come to rest in each form?",
            "v = μ v + 1 rests at 1 / (1 - μ)",
        ),
        Number(
            momentum_forms_compared,
            (
                Mistake(0.1, "the other way round: torch's form is the one without (1 - μ)"),
                Mistake(0.9, "0.9 is μ itself; solve v = 0.9 v + 1"),
                Mistake(1.0, "the average rests at g, torch's form does not: solve v = 0.9 v + 1"),
            ),
        ),
    ),
    Exercise(
        "5",
        "What decay leaves of a weight",
        2,
        5,
        (
            "AdamW multiplies the weight by 1 - lr · weight_decay before every step",
            "the gradient is 0, so nothing else happens: raise the factor to the power 100",
        ),
        Number(
            weight_after_a_hundred_decays,
            (
                Mistake(0.9, "close, but the decay compounds: multiply 100 times, do not subtract"),
                Mistake(0.9**100, "you left out the learning rate: the factor is 1 - lr · weight_decay"),
                Mistake(0.99**100, "this is 1 - lr; the factor is 1 - lr · weight_decay"),
            ),
            relative=0.001,
        ),
    ),
    Exercise(
        "6",
        "One step of Adam",
        2,
        12,
        (
            "first the two averages, then the two corrections, then the step",
            "return the averages as they are, without the correction: they are the memory",
        ),
        Function(
            adam_step,
            _draw_step,
            (
                Mistake(_step_without_correction, "this is article 004's Adam: divide m and v by 1 - β^t"),
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
        "7",
        "The mean over samples",
        1,
        6,
        (
            "a batch's loss is a mean over its samples: multiply by its size to get a sum back",
            "add up the sums, divide by the number of samples",
        ),
        Function(
            mean_loss,
            _draw_losses,
            (
                Mistake(
                    _mean_of_means,
                    "this is the article's average: a last batch of 1 counts like one of 64",
                ),
                Mistake(_sum_over_samples, "multiply each batch's loss by its size before you add them up"),
                Mistake(_weighted_over_batches, "divide by the number of samples, not of batches"),
            ),
        ),
    ),
    Exercise(
        "8",
        "Bug hunt: which lines give a wrong number?",
        2,
        8,
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
            ),
        ),
    ),
    Exercise(
        "9",
        "Repair the evaluation",
        3,
        15,
        (
            "weigh each batch by len(labels)",
            "remember model.training before eval(), and give it back with model.train(was_training)",
        ),
        Function(
            evaluate_model,
            _draw_evaluation,
            (
                Mistake(
                    _evaluate_as_printed,
                    "as printed: weigh the batches by their size, and give the mode back",
                ),
                Mistake(
                    _evaluate_stays_in_eval,
                    "the loss is right; now give the model back in the mode it came in",
                ),
                Mistake(_evaluate_unweighted, "the mode is right; now weigh each batch by its size"),
                Mistake(_evaluate_in_training_mode, "evaluate in evaluation mode: call model.eval() first"),
            ),
        ),
    ),
)
