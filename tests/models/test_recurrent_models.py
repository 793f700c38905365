"""RNNClassifier and CharRNN: counts, padding without influence, and that they learn."""

import json
from dataclasses import asdict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import layers, losses, optim
from kit.models import (
    RNN_CLASSIFIER_PRESETS,
    CharRNN,
    CharRNNConfig,
    RNNClassifier,
    RNNClassifierConfig,
    count_parameters,
)

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
kinds = st.sampled_from(["rnn", "lstm", "gru"])


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3)),
    kind=kinds,
    both=st.booleans(),
    pooling=st.sampled_from(["mean", "last"]),
    dropout=st.sampled_from([0.0, 0.5]),
)
def test_every_config_builds_with_the_predicted_parameters(sizes, kind, both, pooling, dropout):
    config = RNNClassifierConfig(*sizes, kind, both, pooling, 3, dropout)
    model = RNNClassifier(config)
    assert config.parameters == count_parameters(model)
    assert model(torch.zeros(2, 4, dtype=torch.long)).shape == (2, 3)
    assert RNNClassifierConfig(**json.loads(json.dumps(asdict(config)))) == config
    writer = CharRNNConfig(*sizes, kind, dropout)
    assert writer.parameters == count_parameters(CharRNN(writer))
    assert CharRNNConfig(**json.loads(json.dumps(asdict(writer)))) == writer


def test_the_articles_networks_have_their_counts():
    """The second has 4 x 128 biases more than Keras's 738,945."""
    for name, count in (("article_bigru", 690_049), ("article_lstm", 738_945 + 512)):
        config = RNN_CLASSIFIER_PRESETS[name]
        assert config.parameters == count_parameters(RNNClassifier(config)) == count


@pytest.mark.parametrize("on", [True, False])
@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    left=st.booleans(),
    kind=kinds,
    both=st.booleans(),
    pooling=st.sampled_from(["mean", "last"]),
)
def test_padding_changes_nothing_wherever_it_stands(on, lengths, left, kind, both, pooling):
    config = RNNClassifierConfig(9, 3, 4, 2, kind, both, pooling, pad=None)
    model = RNNClassifier(config, generator=torch.Generator().manual_seed(0))
    tokens = torch.randint(9, (len(lengths), 6), generator=torch.Generator().manual_seed(1))
    padding = torch.arange(6) >= torch.tensor(lengths)[:, None]
    if left:
        padding, tokens = padding.flip(1), tokens.flip(1)
    with layers.fused(on):
        before = model(tokens, padding)
        after = model(tokens.masked_fill(padding, 8), padding)
        assert torch.equal(before, after)
        for row, length in enumerate(lengths):
            if length:  # a text alone gives what it gives in the batch
                alone = model(tokens[row : row + 1][:, ~padding[row]])
                torch.testing.assert_close(alone, before[row : row + 1])


def test_the_pad_token_is_the_default_mask_and_gets_no_gradient():
    model = RNNClassifier(RNNClassifierConfig(5), generator=torch.Generator().manual_seed(0))
    tokens = torch.tensor([[1, 2, 0, 0], [3, 0, 0, 0], [0, 0, 0, 0]])
    torch.testing.assert_close(model(tokens), model(tokens, tokens == 0))
    torch.testing.assert_close(model(tokens)[:2], model(tokens[:2, :2]))
    model(tokens).sum().backward()
    assert (model.embedding.weight.grad[0] == 0).all()
    assert (model.embedding.weight.grad[1] != 0).all()


def test_learns_an_order_that_a_bag_of_words_cannot_see():
    """Class 1 where token 1 comes before token 2."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(3, 8, (256, 6), generator=generator)
    first = torch.randint(0, 3, (256,), generator=generator)
    second = torch.randint(3, 6, (256,), generator=generator)
    y = torch.arange(256) % 2
    tokens[torch.arange(256), first] = torch.where(y == 1, 1, 2)
    tokens[torch.arange(256), second] = torch.where(y == 1, 2, 1)
    model = RNNClassifier(RNNClassifierConfig(8, 8, 16), generator=generator)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(40):
        optimizer.zero_grad()
        losses.cross_entropy(model(tokens[:192]), y[:192]).backward()
        optimizer.step()
    assert (model(tokens[192:]).argmax(1) == y[192:]).float().mean() > 0.95


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_the_state_continues_the_text(kind):
    model = CharRNN(CharRNNConfig(7, 4, 8, 2, kind, dropout=0.5)).eval()
    tokens = torch.randint(7, (2, 9), generator=torch.Generator().manual_seed(0))
    whole, _ = model(tokens)
    start, state = model(tokens[:, :4])
    rest, _ = model(tokens[:, 4:], state)
    torch.testing.assert_close(torch.cat([start, rest], 1), whole)


def test_no_token_sees_a_later_one():
    model = CharRNN(CharRNNConfig(7, 4, 8, 2))
    tokens = torch.randint(6, (2, 9), generator=torch.Generator().manual_seed(0))
    other = tokens.clone()
    other[:, 5:] += 1
    assert torch.equal(model(tokens)[0][:, :5], model(other)[0][:, :5])
    assert not torch.equal(model(tokens)[0][:, 5:], model(other)[0][:, 5:])


def test_learns_to_write_a_cycle():
    text = torch.tensor([0, 1, 2, 0, 3, 4] * 8)  # after 0 comes 1 or 3: one character is not enough
    model = CharRNN(CharRNNConfig(5, 8, 24, kind="gru"), generator=torch.Generator().manual_seed(0))
    optimizer = optim.Adam(model.parameters(), lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        logits, _ = model(text[None, :-1])
        losses.cross_entropy(logits[0], text[1:]).backward()
        optimizer.step()
    written, state = text[None, :2], None
    logits, state = model(written)
    for _ in range(10):
        token = logits[:, -1:].argmax(-1)
        written = torch.cat([written, token], 1)
        logits, state = model(token, state)
    assert torch.equal(written[0], text[:12])


def test_the_same_generator_gives_the_same_model_and_leaves_the_global_one_alone():
    before = torch.random.get_rng_state()
    for kind, config in ((RNNClassifier, RNNClassifierConfig(5)), (CharRNN, CharRNNConfig(5))):
        one, two = (kind(config, generator=torch.Generator().manual_seed(1)) for _ in range(2))
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert torch.equal(before, torch.random.get_rng_state())


@own_checks
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: RNNClassifierConfig(9, kind="gur"),
            "kind='gur' is not known; did you mean 'gru'? choose from rnn, lstm, gru",
        ),
        (lambda: RNNClassifierConfig(9, pad=9), "pad=9 is out of range; give an int >= 0 and <= 8"),
        (
            lambda: RNNClassifierConfig(9, pooling="max"),
            "pooling='max' is not known; choose from mean, last",
        ),
        (lambda: CharRNNConfig(0), "vocabulary=0 is out of range; give an int >= 1"),
        (
            lambda: RNNClassifier(RNNClassifierConfig(9))(torch.zeros(2, 0, dtype=torch.long)),
            "tokens is empty; give at least one item",
        ),
        (
            lambda: RNNClassifier(RNNClassifierConfig(9))(torch.zeros(3, dtype=torch.long)),
            "tokens has shape (3,), 2 dimensions are needed; reshape it",
        ),
        (
            lambda: RNNClassifier(RNNClassifierConfig(9))(
                torch.zeros(2, 3, dtype=torch.long), torch.zeros(3, 2).bool()
            ),
            "padding has shape (3, 2) and tokens (2, 3); they must be the same, reshape one of them",
        ),
        (
            lambda: CharRNN(CharRNNConfig(9))(torch.zeros(3, dtype=torch.long)),
            "tokens has shape (3,), 2 dimensions are needed; reshape it",
        ),
    ],
)
def test_errors_name_the_option(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
