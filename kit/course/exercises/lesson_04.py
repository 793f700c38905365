"""Exercises of lesson 04: backpropagation."""

import math

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def slope_of_one_neuron():
    w, x, y = 0.5, 3.0, 0.0
    a = math.tanh(w * x)
    return 2 * (a - y) * (1 - a**2) * x  # dJ/da · da/dz · dz/dw


def lines_that_run():
    # All four arrays are 4 by 7, so nothing complains, and all three results are wrong.
    return {"dZ", "dW", "db"}


def names_of_models():
    # The other five are software that computes; a model is a function with its numbers.
    return {"BERT"}


def bias_gradient(dZ):
    m = dZ.shape[1]  # one column per sample
    return dZ.sum(axis=1, keepdims=True) / m  # (H, 1)


def line_gradients(theta0, theta1, x, y):
    error = theta0 + theta1 * x - y  # prediction minus target, (N,)
    return 2 * error.mean(), 2 * (error * x).mean()


def error_after_repairing_the_sign():
    import numpy as np

    x = np.linspace(-2, 2, 21)
    y = 3 + 2 * x
    theta0 = theta1 = 0.0
    for _ in range(100):
        prediction = theta0 + theta1 * x
        g0, g1 = (prediction - y).mean(), (prediction - x).mean()
        theta0, theta1 = theta0 - 0.1 * g0, theta1 - 0.1 * g1
    return ((theta0 + theta1 * x - y) ** 2).mean()


def layer_backward(g, x, w, b):
    import numpy as np

    a = np.tanh(x @ w.T + b)  # (N, H), as in the forward pass
    delta = g * (1 - a**2)  # dJ/dz
    return delta @ w, delta.T @ x, delta.sum(axis=0)  # (N, D), (H, D), (H,)


def numeric_gradient(f, x, h):
    import numpy as np

    slopes = np.zeros_like(x)
    for i in range(len(x)):
        step = np.zeros_like(x)
        step[i] = h
        slopes[i] = (f(x + step) - f(x - step)) / (2 * h)
    return slopes


def _draw_bias(rng):
    h, m = rng.integers(2, 6), rng.integers(6, 10)
    return (rng.normal(size=(h, m)),)


def _draw_line(rng):
    x = rng.normal(size=rng.integers(5, 20)) + 1
    return rng.normal(), rng.normal(), x, rng.normal(size=x.size)


def _draw_layer(rng):
    h, d, n = 2 + rng.permutation(5)[:3]  # three different sizes
    return rng.normal(size=(n, h)), rng.normal(size=(n, d)), rng.normal(size=(h, d)), rng.normal(size=h)


def _draw_function(rng):
    import numpy as np

    c = rng.normal(size=4)
    return (lambda x: float((c * x**3).sum() + np.exp(x).prod())), rng.normal(size=4), 1e-2


def _bias_as_printed(dZ):
    return dZ / dZ.shape[1]


def _bias_without_mean(dZ):
    return dZ.sum(axis=1, keepdims=True)


def _bias_over_neurons(dZ):
    return dZ.sum(axis=0, keepdims=True) / dZ.shape[1]


def _bias_flat(dZ):
    return dZ.mean(axis=1)


def _line_as_printed(theta0, theta1, x, y):
    prediction = theta0 + theta1 * x
    return (y - prediction).mean(), (x - prediction).mean()


def _line_sign_only(theta0, theta1, x, y):
    prediction = theta0 + theta1 * x
    return (prediction - y).mean(), (prediction - x).mean()


def _line_without_two(theta0, theta1, x, y):
    error = theta0 + theta1 * x - y
    return error.mean(), (error * x).mean()


def _line_wrong_sign(theta0, theta1, x, y):
    error = y - theta0 - theta1 * x
    return 2 * error.mean(), 2 * (error * x).mean()


def _line_without_mean(theta0, theta1, x, y):
    error = theta0 + theta1 * x - y
    return 2 * error.sum(), 2 * (error * x).sum()


def _line_swapped(theta0, theta1, x, y):
    return line_gradients(theta0, theta1, x, y)[::-1]


def _line_error(steps=100, *, factor=1, sign=(1, 1), in_turn=False):
    """The error of exercise 6 after other steps than asked for; `in_turn` moves theta0 first."""
    import numpy as np

    x = np.linspace(-2, 2, 21)
    y = 3 + 2 * x
    theta0 = theta1 = 0.0
    for _ in range(steps):
        prediction = theta0 + theta1 * x
        theta0 -= 0.1 * factor * sign[0] * (prediction - y).mean()
        if in_turn:
            prediction = theta0 + theta1 * x
        theta1 -= 0.1 * factor * sign[1] * (prediction - x).mean()
    return ((theta0 + theta1 * x - y) ** 2).mean()


def _layer_without_slope(g, x, w, b):
    return g @ w, g.T @ x, g.sum(axis=0)


def _layer_slope_of_z(g, x, w, b):
    delta = g * (1 - (x @ w.T + b) ** 2)
    return delta @ w, delta.T @ x, delta.sum(axis=0)


def _layer_bias_not_summed(g, x, w, b):
    import numpy as np

    delta = g * (1 - np.tanh(x @ w.T + b) ** 2)
    return delta @ w, delta.T @ x, delta


def _layer_averaged(g, x, w, b):
    dx, dw, db = layer_backward(g, x, w, b)
    return dx, dw / len(x), db / len(x)


def _layer_transposed_weight(g, x, w, b):
    import numpy as np

    delta = g * (1 - np.tanh(x @ w.T + b) ** 2)
    return delta @ w, x.T @ delta, delta.sum(axis=0)


def _forward_differences(f, x, h):
    import numpy as np

    return np.array([(f(x + h * e) - f(x)) / h for e in np.eye(len(x))])


def _divided_by_h(f, x, h):
    return 2 * numeric_gradient(f, x, h)


def _all_entries_at_once(f, x, h):
    import numpy as np

    return np.full_like(x, (f(x + h) - f(x - h)) / (2 * h))


EXERCISES = (
    Exercise(
        "1",
        "One slope by hand",
        1,
        4,
        (
            "three factors: dJ/da, da/dz, dz/dw",
            "with a = tanh(z): dJ/da = 2 (a - y), da/dz = 1 - a², dz/dw = x",
        ),
        Number(
            slope_of_one_neuron,
            (
                Mistake(6 * math.tanh(1.5), "g' is missing: tanh has the slope 1 - a², not 1"),
                Mistake(-7.5 * math.tanh(1.5), "the slope of tanh is 1 - a² with a = tanh(z), not 1 - z²"),
                Mistake(slope_of_one_neuron() / 3, "x is missing: dz/dw = x, which is 3 here"),
                Mistake(slope_of_one_neuron() / 2, "the 2 of the square is missing: dJ/da = 2 (a - y)"),
                Mistake(slope_of_one_neuron() / 6, "the 2 of the square and dz/dw = x are missing"),
                Mistake(-slope_of_one_neuron(), "sign: dJ/da = 2 (a - y), prediction minus target"),
                Mistake(math.tanh(1.5) ** 2, "this is J itself; find its slope by w"),
            ),
        ),
    ),
    Exercise(
        "2",
        "What equal sizes hide",
        1,
        5,
        (
            "write the shape of every array: with 4 neurons, 4 inputs and 7 samples, all of them are (4, 7)",
            "an elementwise product of two arrays of the same shape never raises",
        ),
        Choice(
            ("dZ", "dW", "db"),
            lines_that_run,
            (
                Mistake({"db"}, "that is the answer for 5 neurons on 3 inputs; here both widths are 4"),
                Mistake({"dZ", "db"}, "dW multiplies (4, 7) by (4, 7) elementwise, which runs as well"),
                Mistake({"dW", "db"}, "dZ multiplies (4, 7) by (4, 7) elementwise, which runs as well"),
                Mistake({"dZ", "dW"}, "db only divides by m; when could that raise?"),
            ),
        ),
    ),
    Exercise(
        "3",
        "Model, framework or library?",
        1,
        3,
        (
            "a model answers questions about its inputs; the others are software that computes",
            "which of the names has a published number of weights?",
        ),
        Choice(
            ("BERT", "TensorFlow", "PyTorch", "JAX", "Keras", "NumPy"),
            names_of_models,
            (
                Mistake({"BERT", "Keras"}, "Keras is an interface in which models are written, not a model"),
                Mistake({"BERT", "JAX"}, "JAX is a library for arrays and derivatives; it has no weights"),
                Mistake(
                    {"BERT", "TensorFlow", "PyTorch"},
                    "TensorFlow and PyTorch are frameworks, without weights",
                ),
                Mistake(
                    {"TensorFlow", "PyTorch", "JAX", "Keras", "NumPy"},
                    "these five are the software; asked for is what they run",
                ),
            ),
        ),
    ),
    Exercise(
        "4",
        "Repair db",
        2,
        6,
        (
            "the same b is added to every sample, so it is used m times: its shares are added up",
            "the samples are the columns: sum over axis 1, keep the shape (H, 1)",
        ),
        Function(
            bias_gradient,
            _draw_bias,
            (
                Mistake(
                    _bias_as_printed, "this is the printed line, one column per sample; b needs their sum"
                ),
                Mistake(_bias_without_mean, "the listing averages over the m samples: divide by m"),
                Mistake(_bias_over_neurons, "you summed over the neurons; sum over the samples, axis 1"),
                Mistake(_bias_flat, "right numbers, but b has the shape (H, 1): add keepdims=True"),
            ),
        ),
    ),
    Exercise(
        "5",
        "The two gradients of a line",
        2,
        8,
        (
            "J = mean (theta0 + theta1 x - y)²: differentiate the square first, then what is inside",
            "what is inside has the derivative 1 by theta0, and x by theta1",
        ),
        Function(
            line_gradients,
            _draw_line,
            (
                Mistake(_line_as_printed, "these are the printed gradients; differentiate the squared error"),
                Mistake(_line_sign_only, "the sign is right; the slope needs error times x, and both a 2"),
                Mistake(_line_without_two, "the factor 2 of the square is missing"),
                Mistake(_line_wrong_sign, "sign: the error is prediction minus target"),
                Mistake(_line_without_mean, "these are the derivatives of the sum; take the mean over N"),
                Mistake(_line_swapped, "the other way round: first by theta0, then by theta1"),
            ),
        ),
    ),
    Exercise(
        "6",
        "Only the sign repaired",
        2,
        8,
        (
            "g0 = mean(prediction - y), g1 = mean(prediction - x); no factor 2, nothing else repaired",
            "update both from the same prediction; then compute the mean squared error once more",
        ),
        Number(
            error_after_repairing_the_sign,
            (
                Mistake(_line_error(0), "this is the error before the first step"),
                Mistake(_line_error(99), "this is the error after 99 steps; the start is step 0"),
                Mistake(
                    _line_error(sign=(-1, -1)),
                    "this is the article's version, signs included; repair both signs",
                ),
                Mistake(_line_error(sign=(1, -1)), "you repaired one sign; repair both"),
                Mistake(_line_error(factor=2), "you repaired the factor 2 as well; repair the signs only"),
                Mistake(
                    _line_error(in_turn=True),
                    "update both from the same prediction, and stop after 100 steps",
                ),
                Mistake(0.0, "this is what the right gradients reach; repair the signs only"),
            ),
        ),
    ),
    Exercise(
        "7",
        "Backward through a tanh layer",
        3,
        15,
        (
            "first delta = dJ/dz: the gradient that arrives, times the slope of tanh at each entry",
            "each result has the shape of its namesake: dx (N, D), dw (H, D), db (H,)",
        ),
        Function(
            layer_backward,
            _draw_layer,
            (
                Mistake(_layer_without_slope, "g' is missing: multiply g by 1 - a² first"),
                Mistake(_layer_slope_of_z, "the slope of tanh is 1 - a², with a = tanh(z), not 1 - z²"),
                Mistake(_layer_bias_not_summed, "b is used by every sample: sum delta over the rows"),
                Mistake(
                    _layer_averaged, "do not divide by N: the gradient that arrives holds the mean already"
                ),
                Mistake(_layer_transposed_weight, "dw must have the shape (H, D) of w; transpose it"),
            ),
        ),
    ),
    Exercise(
        "8",
        "Your own gradient check",
        3,
        12,
        (
            "move one entry at a time by +h and by -h, leave the others alone",
            "the slope is (f(x + h e) - f(x - h e)) / (2 h)",
        ),
        Function(
            numeric_gradient,
            _draw_function,
            (
                Mistake(_forward_differences, "this is the forward difference; step to both sides of x"),
                Mistake(_divided_by_h, "the two points lie 2 h apart: divide by 2 h"),
                Mistake(_all_entries_at_once, "move one entry at a time, or you get the sum of the slopes"),
            ),
        ),
    ),
)
