"""LoRA changes nothing at first, trains few weights, and comes off without a trace."""

import copy

import pytest
import torch
from torch import nn

from kit import layers


def model():
    torch.manual_seed(0)
    return nn.ModuleDict(
        {"q_proj": layers.Linear(12, 8), "v_proj": nn.Linear(12, 8), "head": layers.Linear(8, 3)}
    )


def run(m, x):
    return m["head"](m["q_proj"](x) + m["v_proj"](x))


def train(m, x, steps=20):
    optimizer = torch.optim.Adam([p for p in m.parameters() if p.requires_grad], lr=0.05)
    target = torch.arange(len(x)) % 3
    for _ in range(steps):
        loss = nn.functional.cross_entropy(run(m, x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def test_an_adapter_starts_as_no_change_and_leaves_no_trace():
    m = model()
    before = copy.deepcopy(m.state_dict())
    x = torch.randn(9, 12)
    expected = run(m, x)
    assert layers.add_lora(m, ["q_proj", "v_proj"], rank=2) == ["q_proj", "v_proj"]
    assert torch.equal(run(m, x), expected)
    first = train(m, x, 1)
    assert train(m, x, 40) < first
    trained = sum(p.numel() for p in m.parameters() if p.requires_grad)
    assert trained == 2 * 2 * (12 + 8)
    assert layers.remove_lora(m) == ["q_proj", "v_proj"]
    after = m.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_merged_adapter_computes_the_same():
    m = model()
    x = torch.randn(9, 12)
    layers.add_lora(m, ["q_proj"], rank=3, alpha=4)
    train(m, x)
    expected = run(m, x)
    assert torch.linalg.matrix_rank(m["q_proj"].change()) == 3
    assert layers.merge_lora(m) == ["q_proj"]
    assert type(m["q_proj"]) is layers.Linear
    torch.testing.assert_close(run(m, x), expected)


def test_the_forward_pass_is_the_papers_formula():
    base = layers.Linear(6, 4)
    adapter = layers.LoRALinear(base, rank=2, alpha=5.0)
    nn.init.normal_(adapter.lora_B.weight)
    x = torch.randn(3, 6)
    expected = base(x) + 5.0 / 2 * x @ adapter.lora_A.weight.T @ adapter.lora_B.weight.T
    torch.testing.assert_close(adapter(x), expected)
    torch.testing.assert_close(base(x) + x @ adapter.change().T, expected)


def test_dropout_acts_on_the_adapter_only_while_training():
    adapter = layers.LoRALinear(layers.Linear(40, 4), rank=2, dropout=0.5)
    x = torch.randn(3, 40)
    assert torch.equal(adapter(x), adapter.base(x))  # B is zero: dropout changes nothing yet
    nn.init.normal_(adapter.lora_B.weight)
    assert not torch.equal(adapter(x), adapter(x))
    adapter.eval()
    assert torch.equal(adapter(x), adapter(x))


def test_low_rank_is_the_nearest_of_its_rank():
    layer = nn.Linear(10, 7)
    left, scale, right = torch.linalg.svd(layer.weight.detach())
    small = layers.LowRankLinear.from_linear(layer, 3)
    best = left[:, :3] * scale[:3] @ right[:3]
    torch.testing.assert_close(small.U.weight @ small.V.weight, best)
    whole = layers.LowRankLinear.from_linear(layer, 7)
    x = torch.randn(5, 10)
    torch.testing.assert_close(whole(x), layer(x), rtol=1e-4, atol=1e-5)
    counted = sum(p.numel() for p in layers.LowRankLinear(5408, 128, 16).parameters())
    assert counted - 128 == 88_576


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda m: layers.add_lora(m, ["q_prj"]),
            ValueError,
            "targets=['q_prj']: no layer is named ['q_prj']; ",
        ),
        (
            lambda m: layers.add_lora(m, []),
            ValueError,
            "targets=[]: no layer is named []; choose from ['head', ",
        ),
        (
            lambda m: layers.add_lora(m, ["head"], rank=4),
            ValueError,
            "rank=4 is out of range; give an int >= 1 ",
        ),
        (
            lambda m: layers.LoRALinear(nn.ReLU()),
            TypeError,
            "base=ReLU is not a linear layer; adapt Linear layers",
        ),
        (
            lambda m: layers.LowRankLinear(4, 3, 4),
            ValueError,
            "rank=4 is out of range; give an int >= 1 and <= 3",
        ),
    ],
)
def test_errors_change_nothing(call, kind, message):
    m = model()
    with pytest.raises(kind) as error:
        call(m)
    assert str(error.value).startswith(message)
    assert type(m["head"]) is layers.Linear
    assert all(p.requires_grad for p in m.parameters())


def test_adapters_are_not_stacked():
    m = model()
    layers.add_lora(m, ["head"], rank=1)
    with pytest.raises(ValueError) as error:
        layers.add_lora(m, ["q_proj"])
    assert str(error.value) == "the model has adapters already; call merge_lora or remove_lora first"
