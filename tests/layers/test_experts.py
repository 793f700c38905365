"""A mixture of experts equals its formula, and the load penalty finds idle experts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import layers


def mixture(experts, top_k):
    generator = torch.Generator().manual_seed(1)
    return layers.MixtureOfExperts(6, 8, experts, top_k, generator=generator).double()


@settings(max_examples=20, deadline=None)
@given(experts=st.integers(1, 5), data=st.data(), shape=st.lists(st.integers(0, 4), min_size=1, max_size=2))
def test_equals_the_dense_sum(experts, data, shape):
    top_k = data.draw(st.integers(1, experts))
    model = mixture(experts, top_k)
    x = torch.randn(*shape, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    score = model.router(x).softmax(-1)
    kept = score * (score >= score.topk(top_k, -1).values[..., -1:])
    kept = kept / kept.sum(-1, keepdim=True)
    expected = sum(kept[..., e, None] * expert(x) for e, expert in enumerate(model.experts))
    torch.testing.assert_close(model(x), expected, rtol=1e-12, atol=1e-12)


def test_one_expert_is_the_plain_net():
    model = mixture(1, 1)
    x = torch.randn(3, 6, dtype=torch.float64)
    torch.testing.assert_close(model(x), model.experts[0](x))


def test_an_expert_that_nobody_chose_gets_no_gradient():
    model = mixture(3, 1)
    with torch.no_grad():
        model.router.weight.zero_()
        model.router.weight[1] = 5.0
    model(torch.ones(4, 6, dtype=torch.float64)).sum().backward()
    assert model.experts[1].up_proj.weight.grad is not None
    assert model.experts[0].up_proj.weight.grad is None


def test_load_balance_is_one_when_shared_and_e_when_collapsed():
    even = layers.load_balance(torch.full((4, 4), 0.25), torch.arange(4)[:, None])
    assert even.item() == pytest.approx(1.0)
    collapsed = torch.zeros(4, 4)
    collapsed[:, 2] = 1
    assert layers.load_balance(collapsed, torch.full((4, 1), 2)).item() == pytest.approx(4.0)


def test_training_with_the_penalty_spreads_the_load():
    model = mixture(4, 1)
    with torch.no_grad():
        model.router.weight[0] += 1.0  # everything goes to the first expert
    x = torch.randn(64, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) + 1
    optimizer = torch.optim.SGD(model.router.parameters(), lr=1.0)
    model(x)
    before = layers.load_balance(*model.last_load).item()
    for _ in range(50):
        model(x)
        loss = layers.load_balance(*model.last_load)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert before > 3
    assert loss.item() < 1.5


@pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
def test_errors():
    with pytest.raises(ValueError) as error:
        layers.MixtureOfExperts(4, 4, 2, 3)
    assert str(error.value) == "top_k=3 is out of range; give an int >= 1 and <= 2"
    with pytest.raises(ValueError) as error:
        layers.load_balance(torch.ones(3, 2), torch.zeros(2, 1, dtype=torch.long))
    assert str(error.value) == "len(probability)=3, len(chosen)=2 differ; give one entry of each per sample"
