"""Exercises of lesson 06: convolution and vision."""

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def parameters_of_a_convolution():
    kernel = 16 * 3 * 3  # one output channel sees all 16 input channels
    return 32 * (kernel + 1)  # 32 of them, each with a bias


def articles_network_on_large_pictures():
    convolution = 32 * (3 * 3 * 1 + 1)  # 320, whatever the size of the picture
    side = (224 - 3 + 1) // 2  # 222 without padding, 111 after pooling
    flat = 32 * side * side  # 394,272
    return convolution + (flat + 1) * 128 + (128 + 1) * 10


def receptive_field(stack):
    field, jump = 1, 1  # pixels seen, and pixels from one output to its neighbour
    for kernel, stride in stack:
        field += (kernel - 1) * jump
        jump *= stride
    return field


def max_pool(x, size):
    import torch

    C, H, W = x.shape
    rows, columns = H // size, W // size  # what does not fill a window is left out
    y = torch.zeros(C, rows, columns, dtype=x.dtype)
    for i in range(rows):
        for j in range(columns):
            window = x[:, i * size : (i + 1) * size, j * size : (j + 1) * size]
            y[:, i, j] = window.amax((1, 2))
    return y


def pairs_that_collide():
    # On a pocket calculator's display: upside down in a mirror, 2 is 5, and 0, 1, 3, 8 stay as they are.
    # 6 becomes a 9 whose belly lies on the wrong side.
    return "2 and 5"


def upright_accuracy(p):
    others = 0.8  # eight of ten equally frequent digits
    if p < 0.5:
        return others + 0.2  # most of what looks like a 2 is still called 2
    return others + 0.1 if p == 0.5 else others


def convolve(x, weight, bias, stride, padding):
    import torch

    C, H, W = x.shape
    O, _, K, L = weight.shape
    framed = torch.zeros(C, H + 2 * padding, W + 2 * padding, dtype=x.dtype)
    framed[:, padding : padding + H, padding : padding + W] = x
    rows = (H + 2 * padding - K) // stride + 1
    columns = (W + 2 * padding - L) // stride + 1
    y = torch.zeros(O, rows, columns, dtype=x.dtype)
    for i in range(rows):
        for j in range(columns):
            patch = framed[:, i * stride : i * stride + K, j * stride : j * stride + L]
            y[:, i, j] = (weight * patch).sum((1, 2, 3)) + bias
    return y


def _draw_stack(rng):
    layers = int(rng.integers(2, 7))
    return ([(int(rng.integers(2, 8)), int(rng.integers(1, 4))) for _ in range(layers)],)


def _draw_map(rng):
    import torch

    size = int(rng.integers(2, 4))
    shape = (int(rng.integers(1, 4)), *(int(n) * size + 1 for n in rng.integers(2, 4, size=2)))
    return torch.from_numpy(rng.normal(size=shape) - 2), size


def _draw_share(rng):
    return (float(rng.choice([0.0, 0.2, 0.4, 0.5, 0.6, 0.9, 1.0])),)


def _draw_convolution(rng):
    import torch

    C, O, K = (int(n) for n in rng.integers(2, 4, size=3))
    x = torch.from_numpy(rng.normal(size=(C, int(rng.integers(5, 9)), int(rng.integers(5, 9)))))
    weight = torch.from_numpy(rng.normal(size=(O, C, K, K + 1)))
    bias = torch.from_numpy(rng.normal(size=O))
    return x, weight, bias, int(rng.integers(2, 4)), int(rng.integers(1, 3))


def _field_without_jumps(stack):
    return 1 + sum(kernel - 1 for kernel, _ in stack)


def _field_as_product(stack):
    field = 1
    for kernel, _ in stack:
        field *= kernel
    return field


def _field_stride_too_early(stack):
    field, jump = 1, 1
    for kernel, stride in stack:
        jump *= stride
        field += (kernel - 1) * jump
    return field


def _field_sum(stack):
    return sum(kernel for kernel, _ in stack)


def _mean_pool(x, size):
    import torch

    return torch.nn.functional.avg_pool2d(x[None], size)[0]


def _sliding_pool(x, size):
    import torch

    return torch.nn.functional.max_pool2d(x[None], size, stride=1)[0]


def _rounding_up_pool(x, size):
    import torch

    return torch.nn.functional.max_pool2d(x[None], size, ceil_mode=True)[0]


def _pool_over_channels(x, size):
    return max_pool(x, size).amax(0, keepdim=True)


def _pool_above_zero(x, size):
    return max_pool(x, size).clamp(min=0)


def _always_a_coin(p):
    return 0.9


def _linear_in_p(p):
    return 1 - 0.2 * p


def _as_if_upright_were_rare(p):
    return 0.9 if p > 0 else 1.0


def _without_padding(x, weight, bias, stride, padding):
    return convolve(x, weight, bias, stride, 0)


def _without_stride(x, weight, bias, stride, padding):
    return convolve(x, weight, bias, 1, padding)


def _without_bias(x, weight, bias, stride, padding):
    return convolve(x, weight, 0 * bias, stride, padding)


def _flipped(x, weight, bias, stride, padding):
    return convolve(x, weight.flip(2, 3), bias, stride, padding)


EXERCISES = (
    Exercise(
        "1",
        "Weights of one layer",
        1,
        3,
        (
            "each output channel has its own kernel, and a kernel looks at all input channels",
            "do not forget the biases",
        ),
        Number(
            parameters_of_a_convolution,
            (
                Mistake(4608, "these are the weights; each of the 32 output channels also has a bias"),
                Mistake(4624, "there are as many biases as output channels, not as input channels"),
                Mistake(320, "a kernel looks at all 16 input channels, not at one"),
                Mistake(5120, "one bias for each output channel, not one for each pair of channels"),
                Mistake(145, "this is one kernel with its bias; there are 32 of them"),
            ),
            relative=0,
            absolute=0.5,
        ),
    ),
    Exercise(
        "2",
        "Article 001's network on large pictures",
        2,
        6,
        (
            "which layer's weights depend on the size of the picture?",
            "follow one side through the network: 224, then what, then what?",
            "the flattened map has 32 x side x side numbers, and each of the 128 neurons weighs them all",
        ),
        Number(
            articles_network_on_large_pictures,
            (
                Mistake(693_962, "that is the network for 28 x 28; the layer after the flattening grows"),
                Mistake(51_381_962, "without padding a 3 x 3 convolution loses two rows and two columns"),
                Mistake(201_869_002, "pooling halves both sides before the map is flattened"),
                Mistake(394_272, "that is the length of the flattened map; now count the weights on it"),
                Mistake(50_468_384, "count the biases too: 32, 128 and 10 of them"),
            ),
            relative=0,
            absolute=0.5,
        ),
    ),
    Exercise(
        "3",
        "The receptive field of any stack",
        2,
        8,
        (
            "keep two numbers: how much one output sees, and how far apart two neighbouring outputs see",
            "a kernel of k adds k - 1 steps, each as long as the present distance between neighbours",
        ),
        Function(
            receptive_field,
            _draw_stack,
            (
                Mistake(_field_without_jumps, "after a stride, one step of the kernel covers several pixels"),
                Mistake(_field_as_product, "two 3 x 3 kernels see 5 pixels a side, not 9: they overlap"),
                Mistake(
                    _field_stride_too_early,
                    "a layer's own stride spreads its outputs: it counts from the next layer on",
                ),
                Mistake(_field_sum, "neighbouring windows overlap: a kernel of k adds k - 1, from 1 on"),
            ),
        ),
    ),
    Exercise(
        "4",
        "Max pooling",
        2,
        8,
        (
            "cut the map into windows of size x size that do not overlap",
            "leave out what does not fill a window",
        ),
        Function(
            max_pool,
            _draw_map,
            (
                Mistake(_mean_pool, "this is average pooling; take the largest number of each window"),
                Mistake(_sliding_pool, "the windows must not overlap: move by `size`, not by 1"),
                Mistake(_rounding_up_pool, "leave out rows and columns that do not fill a whole window"),
                Mistake(_pool_over_channels, "each channel is pooled by itself; the result has C of them"),
                Mistake(_pool_above_zero, "a window of negative numbers has a negative maximum"),
            ),
            relative=1e-9,
            absolute=1e-9,
        ),
    ),
    Exercise(
        "5",
        "Which digits collide?",
        1,
        4,
        (
            "write the digits of a pocket calculator on paper and hold a mirror below them",
            "in which direction does the belly of the 6 point afterwards?",
        ),
        Choice(
            ("none", "2 and 5", "6 and 9", "3 and 8", "1 and 7"),
            pairs_that_collide,
            (
                Mistake(
                    "6 and 9",
                    "these collide when the sheet is turned by 180 degrees; a mirror is another thing",
                ),
                Mistake(
                    {"2 and 5", "6 and 9"},
                    "one of these pairs collides under 180 degrees only; hold a 6 over a mirror",
                ),
                Mistake(
                    "none",
                    "draw a 2 and hold a mirror below it: what do you read?",
                ),
            ),
        ),
    ),
    Exercise(
        "6",
        "How much mirroring is too much?",
        2,
        5,
        (
            "of everything that looks like a 2 in training, which share is labelled 2?",
            "the best classifier gives the more frequent label, and the test has no mirrored digits",
        ),
        Function(
            upright_accuracy,
            _draw_share,
            (
                Mistake(
                    _always_a_coin, "with p below one half, most pictures that look like a 2 are labelled 2"
                ),
                Mistake(
                    _linear_in_p,
                    "the best classifier does not guess in proportion: it takes the more frequent label",
                ),
                Mistake(
                    _as_if_upright_were_rare, "a few wrong labels do not change which one is more frequent"
                ),
            ),
        ),
    ),
    Exercise(
        "7",
        "Convolution with loops",
        3,
        20,
        (
            "begin with the frame: a tensor of zeros, larger by 2 * padding, with x in its middle",
            "output (i, j) looks at the patch that begins at row i * stride, column j * stride",
            "weight * patch has shape (O, C, K, L); sum over the last three",
        ),
        Function(
            convolve,
            _draw_convolution,
            (
                Mistake(_without_padding, "put a frame of zeros around x first, `padding` pixels wide"),
                Mistake(_without_stride, "the patch moves by `stride` pixels from one output to the next"),
                Mistake(_without_bias, "add the bias of each output channel"),
                Mistake(_flipped, "the kernel is not turned: row 0 of it lies on row 0 of the patch"),
            ),
            relative=1e-6,
        ),
    ),
)
