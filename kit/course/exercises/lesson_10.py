"""Exercises of lesson 10: generative models."""

import math

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def where_the_best_judge_is_sure():
    # D = p / (p + q) = 0.9 means p = 9 q. With p = N(0, 1) and q = N(2, 1): log p - log q = 2 - 2x.
    return (2 - math.log(9)) / 2


def loss_with_three_fakes_per_image():
    D = 1 / 4  # p = q: nothing tells them apart but their numbers, one image to three fakes
    return -(1 / 4 * math.log(D) + 3 / 4 * math.log(1 - D))


def why_no_image_comes_out():
    # W_g may be anything: x must be known before x is made, and sigma, in (0, 1), cannot take z back.
    return {"the wanted image is an input", "a pixel keeps its noise, moved by less than 1"}


def classes_in_effect(counts):
    total = sum(counts)
    shares = [n / total for n in counts if n > 0]  # a class that is missing adds nothing
    entropy = -sum(p * math.log(p) for p in shares)
    return math.exp(entropy)


def draw_codes(mean, log_precision, noise):
    import torch

    deviation = torch.exp(-log_precision / 2)  # precision = 1 / variance = 1 / deviation²
    return mean + deviation * noise


def non_saturating(logits):
    import torch

    # -log sigmoid(a) = log(1 + e^-a), which softplus computes without overflow.
    return torch.nn.functional.softplus(-logits).mean()


def better_sampler(velocity, x, steps):
    h = 1 / steps
    for k in range(steps):
        t = 1 - k * h
        first = velocity(x, t)
        second = velocity(x - h * first, t - h)  # the slope where Euler's step would arrive
        x = x - h * (first + second) / 2
    return x


def _draw_counts(rng):
    counts = rng.integers(0, 200, size=10)
    counts[rng.permutation(10)[: rng.integers(1, 7)]] = 0
    counts[int(rng.integers(0, 10))] += 50
    return ([int(n) for n in counts],)


def _draw_latent(rng):
    import torch

    shape = (int(rng.integers(1, 5)), int(rng.integers(1, 4)))
    return tuple(torch.from_numpy(rng.normal(size=shape)) for _ in range(3))


def _draw_logits(rng):
    import torch

    logits = rng.normal(size=int(rng.integers(2, 9))) * 3
    logits[0] = rng.choice([-1000.0, 1000.0])  # a judge that is very sure
    return (torch.from_numpy(logits),)


def _draw_flow(rng):
    import torch

    a, b = rng.uniform(0.5, 2), rng.uniform(-1, 1)
    x = torch.from_numpy(rng.normal(size=4))
    return (lambda x, t: a * t * x + b), x, int(rng.integers(1, 6))


def _entropy(counts):
    return math.log(classes_in_effect(counts))


def _classes_present(counts):
    return float(sum(n > 0 for n in counts))


def _power_of_two(counts):
    return 2 ** _entropy(counts)


def _one_over_largest(counts):
    return sum(counts) / max(counts)


def _precision_as_variance(mean, log_precision, noise):
    return mean + (log_precision / 2).exp() * noise


def _variance_for_deviation(mean, log_precision, noise):
    return mean + (-log_precision).exp() * noise


def _log_for_deviation(mean, log_precision, noise):
    return mean + log_precision * noise


def _no_noise(mean, log_precision, noise):
    return mean


def _noise_alone(mean, log_precision, noise):
    return (-log_precision / 2).exp() * noise


def _saturating(logits):
    import torch

    return -torch.nn.functional.softplus(logits).mean()


def _overflowing(logits):
    return -logits.sigmoid().log().mean()


def _sum_of_losses(logits):
    return non_saturating(logits) * len(logits)


def _loss_of_the_judge(logits):
    import torch

    return torch.nn.functional.softplus(logits).mean()


def _upside_down(logits):
    return -non_saturating(logits)


def _euler(velocity, x, steps):
    for k in range(steps):
        x = x - velocity(x, 1 - k / steps) / steps
    return x


def _wrong_way(velocity, x, steps):
    h = 1 / steps
    for k in range(steps):
        t = 1 - k * h
        first = velocity(x, t)
        x = x + h * (first + velocity(x + h * first, t - h)) / 2
    return x


def _second_slope_alone(velocity, x, steps):
    h = 1 / steps
    for k in range(steps):
        t = 1 - k * h
        x = x - h * velocity(x - h * velocity(x, t), t - h)
    return x


def _second_at_old_time(velocity, x, steps):
    h = 1 / steps
    for k in range(steps):
        t = 1 - k * h
        first = velocity(x, t)
        x = x - h * (first + velocity(x - h * first, t)) / 2
    return x


def _from_data_to_noise(velocity, x, steps):
    h = 1 / steps
    for k in range(steps):
        t = k * h
        first = velocity(x, t)
        x = x - h * (first + velocity(x - h * first, t + h)) / 2
    return x


EXERCISES = (
    Exercise(
        "1",
        "Where the best judge is sure",
        2,
        5,
        (
            "write D = p / (p + q) = 0.9 as a statement about the ratio p / q",
            "the ratio of the two densities is exp(−x²/2 + (x − 2)²/2); take its logarithm",
        ),
        Number(
            where_the_best_judge_is_sure,
            (
                Mistake(-0.1, "rounded too far; give three digits"),
                Mistake(1.0, "at 1 both densities are equal and D is 1/2"),
                Mistake((2 + math.log(9)) / 2, "there D = 0.1: the sign of the logarithm is turned round"),
                Mistake((2 - math.log(0.9)) / 2, "D = 0.9 is not p / q = 0.9: then p is nine times q"),
                Mistake((2 - math.log(10)) / 2, "p / (p + q) = 0.9 gives p = 9 q, not 10 q"),
                Mistake(0.0, "at 0, the centre of the data, p / q = e², so D = 0.88: go a little further"),
            ),
        ),
    ),
    Exercise(
        "2",
        "Three fakes for each image",
        2,
        5,
        (
            "the judge sees one image for three fakes and cannot tell them: which D is right on average?",
            "it is the entropy, in nats, of a coin that falls on one side in a quarter of the cases",
        ),
        Number(
            loss_with_three_fakes_per_image,
            (
                Mistake(math.log(4), "log 4 belongs to two separate means; here the weights add up to 1"),
                Mistake(math.log(2), "D = 1/2 would be right for as many fakes as images; here it is 1/4"),
                Mistake(-0.5623351446188083, "the loss is minus the mean logarithm, so it is positive"),
                Mistake(0.8112781244591328, "this is in bits; use the natural logarithm"),
                Mistake(
                    -(0.75 * math.log(0.25) + 0.25 * math.log(0.75)), "D is 1/4 where the images are, not 3/4"
                ),
            ),
        ),
    ),
    Exercise(
        "3",
        "Why nothing can be drawn from z + σ(W[z, x])",
        1,
        4,
        (
            "try to write the line of code that draws one new image: what do you put in for x?",
            "σ lies between 0 and 1, whatever W is; how far from z can the result be?",
        ),
        Choice(
            (
                "the wanted image is an input",
                "a pixel keeps its noise, moved by less than 1",
                "the sigmoid has no derivative",
                "z is random",
                "W_g is a matrix, not a network",
            ),
            why_no_image_comes_out,
            (
                Mistake(
                    "the wanted image is an input",
                    "one more: suppose somebody gave you an x; which values could a pixel take?",
                ),
                Mistake(
                    "a pixel keeps its noise, moved by less than 1", "one more: where would x come from?"
                ),
                Mistake("the sigmoid has no derivative", "it has: σ(1 − σ); and drawing needs none"),
                Mistake("z is random", "that is what makes samples differ; every generator has it"),
                Mistake(
                    "W_g is a matrix, not a network",
                    "a matrix makes a weak generator, but one can draw from it",
                ),
            ),
        ),
    ),
    Exercise(
        "4",
        "How many classes are in effect?",
        2,
        7,
        (
            "turn counts into shares, take their entropy in nats, then its exponential",
            "0 log 0 counts as 0: leave out the classes that are missing",
        ),
        Function(
            classes_in_effect,
            _draw_counts,
            (
                Mistake(_entropy, "this is the entropy; its exponential is a number of classes"),
                Mistake(_classes_present, "a class with one sample counts in full here; use the entropy"),
                Mistake(_power_of_two, "an entropy in nats goes with e, not with 2"),
                Mistake(_one_over_largest, "this looks at the largest class alone; use all shares"),
            ),
        ),
    ),
    Exercise(
        "5",
        "A draw that gradients pass through",
        2,
        5,
        (
            "precision is 1 / variance: first find the standard deviation",
            "variance = exp(−log_precision), and the standard deviation is its root",
        ),
        Function(
            draw_codes,
            _draw_latent,
            (
                Mistake(_precision_as_variance, "a high precision means little noise: mind the sign"),
                Mistake(_variance_for_deviation, "this scales the noise by the variance; take the root"),
                Mistake(_log_for_deviation, "log_precision is a logarithm; the noise needs a deviation"),
                Mistake(_no_noise, "this is the mean for every draw; add the scaled noise"),
                Mistake(_noise_alone, "the mean is missing"),
            ),
        ),
    ),
    Exercise(
        "6",
        "The non-saturating loss, safely",
        2,
        6,
        (
            "write −log sigmoid(a) with one exponential: log(1 + ...)",
            "torch has log(1 + e^x) without overflow: softplus",
        ),
        Function(
            non_saturating,
            _draw_logits,
            (
                Mistake(_saturating, "this is the minimax loss, log(1 − D); you want −log D"),
                Mistake(_overflowing, "right for small logits, infinite at −1000: use softplus"),
                Mistake(_sum_of_losses, "take the mean over the batch, not the sum"),
                Mistake(_loss_of_the_judge, "this punishes samples that pass as real: it is D's part"),
                Mistake(_upside_down, "the sign: a sample that passes as real must cost little"),
            ),
        ),
    ),
    Exercise(
        "7",
        "A better step for the sampler",
        3,
        15,
        (
            "take Euler's step, ask for the velocity there, then go with the mean of both velocities",
            "times run from 1 down to 0, so a step is x − h · velocity and the next time is t − h",
        ),
        Function(
            better_sampler,
            _draw_flow,
            (
                Mistake(_euler, "this is Euler's step; ask for the velocity at its end as well"),
                Mistake(_wrong_way, "this walks from data to noise: subtract the step, time runs down"),
                Mistake(_second_slope_alone, "use the mean of the two velocities, not the second alone"),
                Mistake(_second_at_old_time, "the second velocity belongs to the time t − h"),
                Mistake(_from_data_to_noise, "the first time is 1, where there is noise, not 0"),
            ),
        ),
    ),
)
