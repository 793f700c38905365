"""Recurrent layers equal torch.nn's: start, outputs, states, gradients, padded texts, messages."""

import copy
import pickle
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from kit import layers

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")

TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5, torch.bfloat16: 6e-2}
KINDS = ["RNN", "LSTM", "GRU"]


def draw(*shape, dtype=torch.float32, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def twins(kind, *args, dtype=torch.float32, **options):
    torch.manual_seed(3)
    ours = getattr(layers, kind)(*args, dtype=dtype, **options)
    torch.manual_seed(3)
    theirs = getattr(nn, kind)(*args, dtype=dtype, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for key, value in theirs.state_dict().items():  # the same draw
        close = 1e-2 if dtype == torch.bfloat16 else 1e-6
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=close, atol=close / 10)
    theirs.load_state_dict(ours.state_dict())
    assert repr(ours) == repr(theirs)
    return ours, theirs


def states(kind, *shape, dtype):
    parts = tuple(draw(*shape, dtype=dtype, seed=i).requires_grad_() for i in (7, 8))
    return parts if kind == "LSTM" else parts[0]


def flat(y, state):
    if isinstance(y, PackedSequence):
        y = y.data
    return [y, *(state if isinstance(state, tuple) else (state,))]


def run(module, x, hx):
    results = flat(*module(x, hx))
    weight = [torch.linspace(-1, 1, r.numel(), dtype=torch.float64).view_as(r).to(r.dtype) for r in results]
    torch.autograd.backward(results, weight)
    return [*(r.detach() for r in results), *(p.grad for p in module.parameters())]


def assert_close(got, expected, dtype):
    for a, b in zip(got, expected, strict=True):
        size = max(1.0, float(b.detach().abs().max()) if b.numel() else 0.0)
        torch.testing.assert_close(a, b, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * size)


options = {
    "sizes": st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3)),
    "bias": st.booleans(),
    "first": st.booleans(),
    "both": st.booleans(),
    "start": st.booleans(),
    "dtype": st.sampled_from(list(TOLERANCE)),
}


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("kind", ["RNN tanh", "RNN relu", "LSTM", "GRU"])
@settings(max_examples=25, deadline=None)
@given(batch=st.sampled_from([None, 0, 1, 3]), steps=st.integers(1, 5), **options)
def test_equals_torch(on, kind, batch, steps, sizes, bias, first, both, start, dtype):
    kind, *nonlinearity = kind.split()
    D, H, layer_count = sizes
    arguments = (*sizes, *nonlinearity, bias, first, 0.0, both)
    ours, theirs = twins(kind, *arguments, dtype=dtype)
    rows = () if batch is None else (batch,)
    shape = (steps, D) if batch is None else (batch, steps, D) if first else (steps, batch, D)
    results = []
    for module, switch in ((ours, on), (theirs, True)):
        x = draw(*shape, dtype=dtype).requires_grad_()
        hx = states(kind, layer_count * (1 + both), *rows, H, dtype=dtype) if start else None
        with layers.fused(switch):
            results.append([*run(module, x, hx), x.grad])
        results[-1] += [s.grad for s in (hx if isinstance(hx, tuple) else (hx,)) if start]
    assert_close(*results, dtype)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4), ordered=st.booleans(), **options)
def test_packed_texts_equal_torch(on, kind, lengths, ordered, sizes, bias, first, both, start, dtype):
    D, H, layer_count = sizes
    lengths = sorted(lengths, reverse=True) if ordered else lengths
    arguments = {"num_layers": layer_count, "bias": bias, "batch_first": first, "bidirectional": both}
    ours, theirs = twins(kind, D, H, dtype=dtype, **arguments)
    padded = draw(len(lengths), max(lengths), D, dtype=dtype)
    x = pack_padded_sequence(padded, torch.tensor(lengths), batch_first=True, enforce_sorted=ordered)
    hx = states(kind, layer_count * (1 + both), len(lengths), H, dtype=dtype) if start else None
    with layers.fused(on):
        y, _ = ours(x, hx)
        got = run(ours, x, hx)
    expected, _ = theirs(x, hx)
    assert_close(got, run(theirs, x, hx), dtype)
    for a, b in zip(y[1:], expected[1:], strict=True):
        assert (a is None and b is None) or torch.equal(a, b)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 5), min_size=2, max_size=4), value=st.sampled_from([9.0, float("nan")])
)
def test_padded_steps_have_no_influence(on, kind, lengths, value):
    layer = getattr(layers, kind)(3, 4, 2, batch_first=True, bidirectional=True)
    padding = torch.arange(max(lengths)) >= torch.tensor(lengths)[:, None]
    clean = draw(len(lengths), max(lengths), 3)
    results = []
    for x in (clean, torch.where(padding[..., None], value, clean)):
        packed = pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
        with layers.fused(on):
            y, state = layer(packed)
        results.append(flat(pad_packed_sequence(y, batch_first=True)[0], state))
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)
    row = len(lengths) - 1  # and a text alone gives what it gives in the batch
    with layers.fused(on):
        alone, _ = layer(clean[row, : lengths[row]])
    torch.testing.assert_close(results[0][0][row, : lengths[row]], alone)


@pytest.mark.parametrize("kind", KINDS)
def test_the_steps_of_a_text_may_be_given_one_by_one(kind):
    layer, x = getattr(layers, kind)(3, 4, 2), draw(5, 2, 3)
    whole, final = layer(x)
    state, parts = None, []
    for t in range(5):
        y, state = layer(x[t : t + 1], state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts), whole)
    assert_close(flat(parts[0], state)[1:], flat(parts[0], final)[1:], torch.float32)


def test_cells_equal_torchs():
    x, h, c = draw(2, 3), draw(2, 4, seed=1), draw(2, 4, seed=2)
    lstm, gru, rnn = nn.LSTMCell(3, 4), nn.GRUCell(3, 4), nn.RNNCell(3, 4, nonlinearity="relu")
    weights = [list(cell.parameters()) for cell in (lstm, gru, rnn)]
    for on in (True, False):
        with layers.fused(on):
            assert_close(layers.lstm_cell(x, (h, c), *weights[0]), lstm(x, (h, c)), torch.float32)
            assert_close([layers.gru_cell(x, h, *weights[1])], [gru(x, h)], torch.float32)
            assert_close(
                [layers.rnn_cell(x, h, *weights[2], nonlinearity="relu")], [rnn(x, h)], torch.float32
            )


def test_the_gates_explain_the_step():
    x, h, c = draw(2, 3), draw(2, 4, seed=1), draw(2, 4, seed=2)
    lstm, gru = layers.LSTM(3, 4), layers.GRU(3, 4)
    (h_1, c_1), gates = layers.lstm_cell(x, (h, c), *lstm.parameters(), need_gates=True)
    torch.testing.assert_close(gates["forget"] * c + gates["input"] * gates["cell"], c_1)
    torch.testing.assert_close(gates["output"] * torch.tanh(c_1), h_1)
    torch.testing.assert_close(lstm(x[None], (h[None], c[None]))[0][0], h_1)
    new, gates = layers.gru_cell(x, h, *gru.parameters(), need_gates=True)
    torch.testing.assert_close(h + (1 - gates["update"]) * (gates["new"] - h), new)
    assert set(gates) == {"reset", "update", "new"}


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_acts_between_layers_while_training_with_one_mask_on_both_paths(kind):
    layer, x = getattr(layers, kind)(3, 4, 2, dropout=0.5), draw(5, 2, 3)
    results = []
    for on in (True, False):
        torch.manual_seed(0)
        with layers.fused(on):
            results.append(layer(x)[0])
    torch.testing.assert_close(*results)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    assert torch.equal(layer.eval()(x)[0], layer(x)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_layers_can_be_copied_saved_moved_and_seeded(kind):
    before = torch.random.get_rng_state()
    layer = getattr(layers, kind)(3, 4, generator=torch.Generator().manual_seed(0))
    again = getattr(layers, kind)(3, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.random.get_rng_state())
    x = draw(5, 2, 3)
    for other in (again, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), layer.double().float()):
        assert torch.equal(other(x)[0], layer(x)[0])
    theirs = getattr(nn, kind)(3, 4)
    layer.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(layer(x)[0], theirs(x)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_swapped_layer_computes_the_same_there_and_back(kind):
    layer = getattr(layers, kind)(3, 4, 2, bidirectional=True)
    x = draw(5, 2, 3)
    expected = layer(x)[0]
    theirs = layers.swap(layer, "torch")
    torch.testing.assert_close(theirs(x)[0], expected)
    torch.testing.assert_close(layers.swap(theirs, "kit")(x)[0], expected)


def test_projections_stay_in_torch():
    with pytest.raises(ValueError, match="model is a LSTM with proj_size=2, which kit's has not"):
        layers.swap(nn.LSTM(3, 4, proj_size=2), "kit")


def test_known_counts():
    """torch's LSTM has a second bias that Keras's has not: 4 x 128 more."""
    counts = [
        sum(p.numel() for p in layer.parameters())
        for layer in (layers.LSTM(64, 128), layers.GRU(64, 64, bidirectional=True))
    ]
    assert counts == [99_328, 49_920]


@own_checks
@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: layers.GRU(3, 4)(torch.zeros(5, 2, 4)),
            "x has shape (5, 2, 4), GRU needs (T, B, input_size=3), or (B, T, ...) with batch_first=True; "
            "reshape x or change input_size",
        ),
        (
            lambda: layers.LSTM(3, 4, batch_first=True)(torch.zeros(5, 0, 3)),
            "x has shape (5, 0, 3), it holds no step; give at least one",
        ),
        (
            lambda: layers.GRU(3, 4)(torch.zeros(5, 2, 3), torch.zeros(2, 2, 4)),
            "hx has shape (2, 2, 4), GRU needs (1, 2, 4); give one state per layer and direction",
        ),
        (
            lambda: layers.LSTM(3, 4)(torch.zeros(5, 3), (torch.zeros(1, 4), torch.zeros(4))),
            "hx has shape (1, 4) and (4,), LSTM needs (1, 4) twice, (h, c); give one state per layer and "
            "direction",
        ),
        (
            lambda: layers.GRU(3, 4)(torch.zeros(5, 2, 3), (torch.zeros(1, 2, 4),) * 2),
            "hx has shape (1, 2, 4) and (1, 2, 4), GRU needs (1, 2, 4); give one state per layer and "
            "direction",
        ),
        (lambda: layers.RNN(3, 0), "hidden_size=0 is out of range; give an int >= 1"),
        (lambda: layers.RNN(3, 4, dropout=2.0), "dropout=2.0 is out of range; give a float >= 0 and <= 1"),
        (
            lambda: layers.RNN(3, 4, nonlinearity="relo"),
            "nonlinearity='relo' is not known; did you mean 'relu'? choose from tanh, relu",
        ),
    ],
)
def test_errors_name_the_option(on, call, message):
    with layers.fused(on), pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message


@own_checks
def test_dropout_of_one_layer_is_a_warning_as_in_torch():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layers.GRU(3, 4, dropout=0.5)
    assert [str(w.message) for w in caught] == [
        "dropout=0.5 acts between layers and num_layers=1; use more layers or a Dropout layer"
    ]
    assert caught[0].filename == __file__
