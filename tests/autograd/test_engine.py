"""The engine's gradients equal PyTorch's to 1e-12 in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.autograd import Value, as_value, gradcheck

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


def arrays(*shapes, seed=0, low=-2.0, high=2.0):
    generator = np.random.default_rng(seed)
    return [generator.uniform(low, high, shape) for shape in shapes]


def assert_equals_torch(ours, theirs, *data):
    """Both functions take the arrays and return one number."""
    values = [Value(x) for x in data]
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in data]
    result, expected = ours(*values), theirs(*tensors)
    result.backward()
    expected.backward()
    assert result.data == pytest.approx(expected.item(), abs=1e-12, rel=1e-12)
    for value, tensor in zip(values, tensors, strict=True):
        wanted = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
        np.testing.assert_allclose(value.grad, wanted.numpy(), rtol=1e-12, atol=1e-12)


SHAPES = [
    ((3, 2), (3, 2)),
    ((3, 2), (2,)),
    ((3, 1), (1, 4)),
    ((), (2, 3)),
    ((2, 1, 3), (4, 1)),
    ((1,), (1, 1)),
]
BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
UNARY = {
    "exp": (lambda x: x.exp(), torch.exp),
    "log": (lambda x: x.log(), torch.log),
    "tanh": (lambda x: x.tanh(), torch.tanh),
    "relu": (lambda x: x.relu(), torch.relu),
    "sigmoid": (lambda x: x.sigmoid(), torch.sigmoid),
    "neg": (lambda x: -x, torch.neg),
    "square": (lambda x: x**2, torch.square),
    "power": (lambda x: x**-1.5, lambda x: x**-1.5),
    "power_zero": (lambda x: x**0, lambda x: x**0),
    "reshape": (lambda x: x.reshape(2, 6), lambda x: x.reshape(2, 6)),
    "transpose": (lambda x: x.T, lambda x: x.T),
    "sum": (lambda x: x.sum(), torch.sum),
    "mean": (lambda x: x.mean(), torch.mean),
    "sum_axis": (lambda x: x.sum(0), lambda x: x.sum(0)),
    "mean_keepdims": (lambda x: x.mean(-1, keepdims=True), lambda x: x.mean(-1, keepdim=True)),
}


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("op", BINARY)
def test_arithmetic_with_broadcasting_equals_torch(op, shapes):
    a, b = arrays(*shapes, low=0.5)
    f = BINARY[op]
    assert_equals_torch(lambda a, b: (f(a, b) ** 2).sum(), lambda a, b: (f(a, b) ** 2).sum(), a, b)


@pytest.mark.parametrize("name", UNARY)
def test_functions_equal_torch(name):
    (x,) = arrays((3, 4), low=0.1 if name in ("log", "power") else -2.0)
    ours, theirs = UNARY[name]
    assert_equals_torch(lambda x: (ours(x) ** 2).sum(), lambda x: (theirs(x) ** 2).sum(), x)


@pytest.mark.parametrize(
    "shapes", [((3, 4), (4, 2)), ((4,), (4, 2)), ((3, 4), (4,)), ((4,), (4,)), ((1, 1), (1, 5))]
)
def test_matrix_products_equal_torch(shapes):
    a, b = arrays(*shapes)
    assert_equals_torch(lambda a, b: ((a @ b) ** 2).sum(), lambda a, b: ((a @ b) ** 2).sum(), a, b)


def test_transpose_with_named_axes_equals_torch():
    x, w = arrays((2, 3, 4), (4, 2, 3))
    assert_equals_torch(
        lambda x, w: (x.transpose(2, 0, 1) * w).sum(), lambda x, w: (x.permute(2, 0, 1) * w).sum(), x, w
    )


def test_relu_and_sigmoid_at_their_corners_equal_torch():
    x = np.array([0.0, -0.0, 1000.0, -1000.0])
    assert_equals_torch(lambda x: x.relu().sum(), lambda x: torch.relu(x).sum(), x)
    assert_equals_torch(lambda x: x.sigmoid().sum(), lambda x: torch.sigmoid(x).sum(), x)


@settings(max_examples=25, deadline=None)
@given(batch=st.integers(1, 6), hidden=st.integers(1, 6), seed=st.integers(0, 99))
def test_a_two_layer_network_equals_torch(batch, hidden, seed):
    data = arrays((batch, 3), (3, hidden), (hidden,), (hidden, 4), (1, 4), seed=seed)
    one_hot = np.eye(4)[np.random.default_rng(seed).integers(0, 4, batch)]

    def ours(x, w1, b1, w2, b2):
        z = (x @ w1 + b1).tanh() @ w2 + b2
        return -((z - z.exp().sum(-1, keepdims=True).log()) * one_hot).sum() / batch

    def theirs(x, w1, b1, w2, b2):
        z = torch.tanh(x @ w1 + b1) @ w2 + b2
        return torch.nn.functional.cross_entropy(z, torch.tensor(one_hot))

    assert_equals_torch(ours, theirs, *data)


def test_numbers_and_arrays_stand_on_either_side():
    x = np.array([[1.0, 2.0]])
    for f in (
        lambda v: (3 - v).sum() + (2 / v).sum() + (1 + 2 * v).sum(),
        lambda v: (np.array([[2.0, 3.0]]) * v).sum() - (v - np.ones(2)).sum(),
    ):
        values, numbers = Value(x), torch.tensor(x, requires_grad=True)
        f(values).backward()
        if f(Value(x)).op == "+":
            f(numbers).backward()
            np.testing.assert_allclose(values.grad, numbers.grad.numpy(), rtol=1e-12)
        else:
            np.testing.assert_allclose(values.grad, [[1.0, 2.0]])
    product = np.ones((3, 1)) @ Value(x)
    assert isinstance(product, Value)
    assert product.shape == (3, 2)


def test_a_value_used_twice_receives_both_parts():
    x = Value(3.0)
    (x * x + x).backward()
    assert x.grad == 7


def test_leaves_accumulate_and_inner_values_start_anew():
    x = Value(2.0)
    y = x * 3
    z = y * y
    for times in (1, 2):
        z.backward()
        assert y.grad == 12
        assert x.grad == 36 * times
    z.zero_grad()
    assert x.grad == 0


def test_inputs_come_before_what_uses_them():
    x, w = Value([1.0, 2.0], name="x"), Value([[1.0], [3.0]], name="w")
    h = x @ w
    y = (h + h.tanh() * x.sum()).sum()
    order = y.graph()
    place = {id(node): i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert order[-1] is y
    for node in order:
        for edge in node.edges:
            assert place[id(edge.parent)] < place[id(node)]


def test_steps_show_the_chain_rule_node_by_node():
    x, w, b = Value(2.0, "x"), Value(-3.0, "w"), Value(7.0, "b")
    product = w * x
    y = (product + b).tanh()
    steps = [(node.op, node.grad.item()) for node in y.backward_steps()]
    slope = 1 - np.tanh(1.0) ** 2
    assert [op for op, _ in steps if op != "leaf"] == ["tanh", "+", "*"]
    assert steps[0][1] == 1
    assert dict(steps)["*"] == pytest.approx(slope)
    assert (w.grad, x.grad, b.grad) == pytest.approx((2 * slope, -3 * slope, slope))
    assert [edge.local.item() for edge in product.edges] == [2.0, -3.0]
    assert product.edges[0].parent is w


def test_a_deep_graph_needs_no_recursion():
    x = Value(1.0)
    y = x
    for _ in range(5000):
        y = y + 0.001
    y.backward()
    assert x.grad == 1


def test_backward_from_an_array_takes_a_gradient():
    x = Value([1.0, 2.0])
    (x**2).backward([1.0, 10.0])
    assert x.grad.tolist() == [2.0, 40.0]


def test_gradcheck_accepts_right_gradients_and_restores_its_inputs():
    x, w = (Value(a) for a in arrays((3, 2), (2, 2)))
    before = x.data.copy()
    error = gradcheck(lambda x, w: ((x @ w).sigmoid() ** 2).mean(), x, w)
    assert 0 < error < 1e-8
    assert np.array_equal(x.data, before)
    assert not x.grad.any()


def test_gradcheck_names_a_wrong_derivative():
    def wrong(x):
        y = x.tanh()
        (edge,) = y.edges
        y.edges = (type(edge)(edge.parent, lambda g: g * y.data, "wrong"),)  # y instead of 1 - y²
        return y.sum()

    with pytest.raises(ValueError) as error:
        gradcheck(wrong, Value([0.0, 0.0]))
    assert str(error.value) == (
        "gradient of input 0 at (0,) is 0, central differences give 1; "
        "check the local derivatives on its path"
    )


def test_bad_input_is_named():
    with pytest.raises(ValueError) as error:
        Value(np.ones((2, 3))) @ Value(np.ones((2, 3)))
    assert str(error.value) == (
        "shapes (2, 3) @ (2, 3) do not fit; the last size of the first must equal the first "
        "size of the second, each a vector or a matrix"
    )
    with pytest.raises(ValueError) as error:
        Value([1.0, 2.0]).backward()
    assert str(error.value) == (
        "grad=None for a value of shape (2,), only a single number starts by itself; "
        "reduce it with .sum() or .mean(), or give grad"
    )
    with pytest.raises(ValueError) as error:
        Value([1.0, 2.0]).backward([1.0])
    assert str(error.value) == (
        "grad has shape (1,) and the value (2,); they must be the same, reshape one of them"
    )
    with pytest.raises(TypeError) as error:
        Value("three")
    assert str(error.value) == "data='three' is not numeric; give numbers or an array"


@own_checks
def test_a_power_needs_a_number():
    with pytest.raises(TypeError) as error:
        Value(2.0) ** "x"
    assert str(error.value) == "exponent='x' is not a number; give a float"


def test_representation_and_leaves():
    assert repr(Value([1.0, 2.5], "x")) == "Value([1.  2.5], op='leaf', name='x')"
    assert repr(Value(2.0) * 2) == "Value(4., op='*')"
    x = Value(1.0)
    assert as_value(x) is x
    assert as_value(2).op == "leaf"
