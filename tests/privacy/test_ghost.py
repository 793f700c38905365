"""Norms without gradients against gradients one by one, and every module for which they would be wrong."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from kit import layers, privacy
from kit.data import Batches
from kit.privacy import ghost

LOSS = nn.CrossEntropyLoss(reduction="sum")


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=6):
    return torch.randn(n, 3, 9, 8, generator=gen(), dtype=torch.float64)


def tokens(n=6, length=7):
    return torch.randint(11, (n, length), generator=gen())


class Reader(nn.Module):
    """Look tokens up, mix them with attention, read the mean."""

    def __init__(self, embedding, norm):
        super().__init__()
        self.embed, self.norm, self.attend, self.head = embedding, norm, nn.Linear(8, 24), layers.Linear(8, 2)

    def forward(self, rows):
        q, k, v = self.attend(self.norm(self.embed(rows))).chunk(3, dim=-1)
        return self.head(nn.functional.scaled_dot_product_attention(q, k, v).mean(dim=1))


def convolutions(*convolutions, features):
    return nn.Sequential(*convolutions, nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(features, 2))


def frozen(module, *names):
    for name in names:
        module.get_parameter(name).requires_grad_(False)
    return module


CASES = {
    "two linear layers": lambda: (
        nn.Sequential(nn.Flatten(), nn.Linear(216, 5), nn.Tanh(), nn.Linear(5, 2)),
        images(),
    ),
    "linear over places": lambda: (
        nn.Sequential(nn.Linear(8, 4, bias=False), nn.Flatten(), nn.Linear(108, 2)),
        images(),
    ),
    "convolution": lambda: (convolutions(nn.Conv2d(3, 4, 3, 2, 1, 2), features=48), images()),
    "kit's convolution": lambda: (
        convolutions(layers.Conv2d(3, 4, (3, 2), padding=(1, 0)), features=252),
        images(),
    ),
    "many channels, few places": lambda: (convolutions(nn.Conv2d(3, 40, 7), features=240), images()),
    "groups, padding same": lambda: (
        convolutions(nn.Conv2d(3, 6, 3, groups=3, padding="same"), features=432),
        images(),
    ),
    "padding same": lambda: (
        convolutions(nn.Conv2d(3, 2, 3, dilation=2, padding="same"), features=144),
        images(),
    ),
    "reflected": lambda: (
        convolutions(nn.Conv2d(3, 2, 3, padding=1, padding_mode="reflect"), features=144),
        images(),
    ),
    "group norm": lambda: (convolutions(nn.GroupNorm(3, 3), nn.PReLU(3), features=216), images()),
    "tokens": lambda: (Reader(nn.Embedding(11, 8, padding_idx=3), nn.LayerNorm(8)), tokens()),
    "kit's tokens": lambda: (Reader(layers.Embedding(11, 8, padding_idx=-1), layers.RMSNorm(8)), tokens()),
    "one place": lambda: (Reader(layers.Embedding(11, 8), layers.LayerNorm(8)), tokens(length=1)),
    "weights frozen": lambda: (frozen(CASES["convolution"]()[0], "0.weight", "3.bias"), images()),
}


def both(module, x):
    """The clipped sum and the norms: by the tape, and one sample at a time; half of them are clipped."""
    y = torch.arange(len(x)) % 2
    tape = ghost.record(module, (x,))
    upstream = torch.autograd.grad(LOSS(tape.output, y), tape.output, retain_graph=True)[0]
    gradients = privacy.per_sample_gradients(module, LOSS, x, y)
    norm = privacy.clip_and_sum(gradients, 1.0)[1].median().item()
    return tape.clipped_sum(upstream, norm), privacy.clip_and_sum(gradients, norm)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("chunk", [1, 2**22])
@pytest.mark.parametrize("case", CASES)
def test_clipped_sum_and_norms_are_those_of_single_gradients(case, chunk, fused, monkeypatch):
    monkeypatch.setattr(ghost, "CHUNK_NUMBERS", chunk)
    torch.manual_seed(0)
    module, x = CASES[case]()
    with layers.fused(fused):
        (ours, norms), (theirs, exact) = both(module.double(), x)
    assert norms.tolist() == pytest.approx(exact.tolist(), rel=1e-9)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.allclose(value, theirs[name], rtol=1e-9, atol=1e-12)
        assert value.shape == module.get_parameter(name).shape


def test_in_single_precision_they_agree_to_1e_5():
    torch.manual_seed(0)
    module, x = CASES["convolution"]()
    (ours, norms), (theirs, exact) = both(module, x.float())
    assert torch.allclose(norms, exact, rtol=1e-5)
    assert all(torch.allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-6) for name in theirs)


class Shared(nn.Module):
    """Output through the transposed embedding."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 8)

    def forward(self, rows):
        return self.embed(rows).mean(dim=1) @ self.embed.weight.T


class Twice(nn.Module):
    """One layer, called twice; `middle` stands between."""

    def __init__(self, middle=None):
        super().__init__()
        self.layer, self.middle = nn.Linear(8, 8), middle

    def forward(self, x):
        return self.layer(self.layer(x))


class Positions(nn.Module):
    """A learned vector for each place, looked up without the samples."""

    def __init__(self):
        super().__init__()
        self.embed, self.place, self.head = nn.Embedding(11, 8), nn.Embedding(9, 8), nn.Linear(8, 2)

    def forward(self, rows):
        return self.head((self.embed(rows) + self.place(torch.arange(rows.shape[1]))).mean(dim=1))


class TimeFirst(nn.Module):
    """Works on (T, B, D) inside."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(11, 8), nn.Linear(8, 2)

    def forward(self, rows):
        return self.head(self.embed(rows).transpose(0, 1)).mean(dim=0)


class Centred(nn.Linear):
    """Subtracts the mean of the batch, hidden from autograd."""

    def forward(self, x):
        return super().forward(x - x.detach().mean(dim=0))


class Mixed(nn.Module):
    """Adds up the samples from one end, before a layer that gives 0 whatever it sees."""

    def __init__(self, direction):
        super().__init__()
        self.direction, self.first, self.head = direction, nn.Linear(8, 3), nn.Linear(3, 2)
        nn.init.zeros_(self.head.weight)

    def forward(self, x):
        y = self.first(x)
        return self.head(y.cumsum(dim=0) if self.direction > 0 else y.flip(0).cumsum(dim=0).flip(0))


class Checkpointed(nn.Sequential):
    """Computes itself again in the backward pass."""

    def forward(self, x):
        return checkpoint(super().forward, x, use_reentrant=True)


REFUSED = {
    "shared weights": (Shared, tokens()),
    "a layer called twice": (Twice, torch.randn(6, 8, generator=gen())),
    "positions without samples": (Positions, tokens()),
    "as many positions as samples": (Positions, tokens(7, 7)),
    "time before samples": (TimeFirst, tokens()),
    "as many times as samples": (TimeFirst, tokens(7, 7)),
    "samples mixed": (lambda: Centred(8, 2), torch.randn(6, 8, generator=gen())),
    "samples added up": (lambda: Mixed(1), torch.randn(6, 8, generator=gen())),
    "samples added up from the end": (lambda: Mixed(-1), torch.randn(6, 8, generator=gen())),
    "dropout": (lambda: nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 2)), torch.randn(6, 8)),
    "counted rows": (lambda: Reader(nn.Embedding(11, 8, scale_grad_by_freq=True), nn.LayerNorm(8)), tokens()),
    "weight norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(8, 2)), torch.randn(6, 8)),
    "checkpointed": (lambda: Checkpointed(nn.Linear(8, 2)), torch.randn(6, 8)),
    "multi-head attention": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True),
        torch.randn(6, 3, 8),
    ),
}


def private(module, x):
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    options = {"noise_multiplier": 0.0, "max_grad_norm": 0.3, "generator": gen()}
    return privacy.make_private(
        module=module, optimizer=optimizer, data_loader=Batches(x, batch_size=3), **options
    )[0]


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad=True")
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_where_it_would_be_wrong_vmap_does_it(case):
    torch.manual_seed(0)
    build, x = REFUSED[case]
    model = private(build(), x)
    state = torch.get_rng_state()
    try:
        model(x)
    except (RuntimeError, ValueError):  # vmap cannot do it either: better than a wrong answer
        assert case in ("weight norm", "checkpointed", "multi-head attention")
    assert model.by_layer is False
    if case != "dropout":
        assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "case", ["shared weights", "as many positions as samples", "as many times as samples"]
)
def test_and_does_it_right(case):
    torch.manual_seed(0)
    build, x = REFUSED[case]
    model = private(build(), x)
    model(x).square().sum(dim=1).mean().backward()
    square = lambda output, target: output.square().sum()  # noqa: E731
    total, norms = privacy.clip_and_sum(privacy.per_sample_gradients(model.module, square, x, x), 0.3)
    assert torch.allclose(model.norms, norms, rtol=1e-4)
    assert all(torch.allclose(model.clipped_sum[name], total[name], atol=1e-5) for name in total)


def test_one_sample_alone_decides_nothing_and_two_do():
    x = torch.randn(6, 8, generator=gen())
    model = private(nn.Linear(8, 2), x)
    model(x[:1])
    assert model.by_layer is None
    model(x[:2])
    assert model.by_layer is True
    model(x[:1]).sum().backward()
    assert model.norms.shape == (1,)


def test_no_hook_stays_behind_not_even_after_an_error():
    module = nn.Sequential(nn.Linear(8, 4), nn.Linear(5, 2))
    with pytest.raises(RuntimeError):
        ghost.record(module, (torch.randn(3, 8),))
    assert not any(layer._forward_hooks for layer in module.modules())


def test_other_hooks_do_not_disturb():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 2)).double()
    module[0].register_forward_hook(lambda layer, inputs, output: output.tanh())
    (ours, norms), (theirs, exact) = both(module, torch.randn(5, 8, generator=gen(), dtype=torch.float64))
    assert torch.allclose(norms, exact, rtol=1e-9)
    assert all(torch.allclose(ours[name], theirs[name], rtol=1e-9) for name in theirs)


def test_the_output_may_be_changed_in_place_and_gradients_of_weights_stay_empty():
    x = torch.randn(6, 8, generator=gen())
    model = private(nn.Sequential(nn.Linear(8, 4), nn.Sigmoid()), x)
    model(x).mul_(2).sum().backward()
    assert model.by_layer and all(p.grad is None for p in model.parameters())
    assert model.clipped_sum["0.weight"].abs().sum() > 0


def test_half_precision_is_widened_for_the_norms():
    torch.manual_seed(0)
    module, x = (
        nn.Sequential(nn.Linear(8, 6), nn.LayerNorm(6), nn.Linear(6, 2)),
        torch.randn(6, 8, generator=gen()),
    )
    model = private(module, x)
    with torch.autocast("cpu", torch.bfloat16):
        output = model(x)
    output.float().square().sum(dim=1).mean().backward()
    square = lambda output, target: output.square().sum()  # noqa: E731
    _, exact = privacy.clip_and_sum(privacy.per_sample_gradients(module, square, x, x), 0.3)
    assert model.by_layer and model.norms.dtype == torch.float32
    assert torch.allclose(model.norms, exact, rtol=0.05)
