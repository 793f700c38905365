"""DeepLift and LRP equal Captum's where its hooks see everything, and stay right where they do not."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kit import interpret, layers
from kit.models import CNN, CNN_PRESETS

captum = pytest.importorskip("captum.attr")
rules = pytest.importorskip("captum.attr._utils.lrp_rules")
own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
pytestmark = [
    pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients:UserWarning"),
    pytest.mark.filterwarnings(
        "ignore:Setting forward, backward hooks and attributes on non-linear:UserWarning"
    ),
]


def near(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-7)


class Flat(nn.Module):
    """Captum's LRP knows no Flatten module."""

    def __init__(self):
        super().__init__()
        self.conv, self.relu, self.pool = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2)
        self.second, self.again, self.head = nn.Conv2d(4, 5, 2), nn.ReLU(), nn.Linear(20, 4)

    def forward(self, x):
        return self.head(self.again(self.second(self.pool(self.relu(self.conv(x))))).flatten(1))


@pytest.fixture
def flat(seeded):
    return Flat().double()


@pytest.mark.parametrize("target", [1, torch.tensor([0, 1, 2, 0, 1, 2, 0])])
def test_deeplift_equals_captum_on_plain_networks(mlp, rows, target):
    near(
        interpret.DeepLift(mlp).attribute(rows, rows.roll(1, 0), target).values,
        captum.DeepLift(mlp).attribute(rows, rows.roll(1, 0), target),
    )


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.AvgPool2d(2)])
def test_deeplift_equals_captum_through_pooling(images, seeded, pool):
    size = 2 * pool(images)[0].numel()
    net = nn.Sequential(
        nn.Conv2d(1, 2, 1), pool, nn.Flatten(), nn.Linear(size, 3), nn.ELU(), nn.Linear(3, 2)
    ).double()
    near(
        interpret.DeepLift(net).attribute(images, images.flip(0), 1).values,
        captum.DeepLift(net).attribute(images, images.flip(0), 1),
    )


def test_deeplift_is_complete_through_overlapping_pools_after_an_activation(images, seeded):
    # Captum's own delta is not zero here: its unpooling overwrites where windows overlap
    parts = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 1, 1), nn.Flatten(), nn.Linear(72, 2)]
    made = interpret.DeepLift(nn.Sequential(*parts).double()).attribute(images, images.flip(0), "all")
    assert made.delta.abs().max() < 1e-12


def test_deeplift_is_complete_where_captum_is_silently_wrong(functional, images):
    ours = interpret.DeepLift(functional).attribute(images, target=2)
    assert ours.delta.abs().max() < 1e-12
    captum_functional = nn.Sequential(functional.conv, nn.ReLU(), nn.Flatten(), nn.Linear(192, 2)).double()

    def same_with_functions(x):
        return captum_functional[3](F.relu(captum_functional[0](x)).flatten(1))

    near(
        interpret.DeepLift(same_with_functions).attribute(images, target=1).values,
        captum.DeepLift(captum_functional).attribute(images, target=1),
    )


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.norm = nn.Linear(6, 6), nn.Linear(6, 6), nn.LayerNorm(6)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = x.unflatten(0, (-1, 1)) + torch.zeros(1, 3, 1, dtype=x.dtype)  # (N, 3, 6)
        x = self.norm(x * torch.tensor([[1.0], [2.0], [3.0]], dtype=x.dtype))
        weights = torch.softmax(self.q(x) @ self.k(x).transpose(1, 2) / 6**0.5, -1)
        x = F.gelu(weights @ x + x) / (1 + x.square().sum(-1, keepdim=True))
        return self.head(x.mean(1))


def test_deeplift_is_complete_through_products_softmax_and_layer_norm(rows, seeded):
    net = Attention().double()
    made = interpret.DeepLift(net).attribute(rows, rows.roll(1, 0), "all")
    assert made.delta.abs().max() < 1e-10
    assert made.values.abs().max() > 1e-3


def test_deeplift_sees_in_place_activations_and_kits_own_layers(images, seeded):
    parts = [nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(72, 2)]
    net = nn.Sequential(*parts).double()
    a = interpret.DeepLift(net).attribute(images, target=1).values
    parts[1] = nn.ReLU()
    near(a, interpret.DeepLift(nn.Sequential(*parts)).attribute(images, target=1).values)
    digits = torch.rand(2, 1, 28, 28, dtype=torch.float64)
    small = CNN(CNN_PRESETS[next(iter(CNN_PRESETS))]).double().eval()
    assert interpret.DeepLift(small).attribute(digits, target=0).delta.abs().max() < 1e-10


def test_products_and_quotients_in_place_are_traced(rows):
    def forward(x):
        h = x.tanh()
        h *= x + 1
        h.div_(x.square() + 2)
        return h.sum(1)

    assert interpret.DeepLift(forward).attribute(rows, rows.roll(1, 0)).delta.abs().max() < 1e-12


def test_deeplift_is_complete_through_kits_transformer_written_as_formulas(seeded):
    block = layers.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True).double().eval()
    x = torch.randn(3, 5, 8, dtype=torch.float64, generator=seeded)

    def forward(x):
        return block(x)[:, 0, :2]

    with layers.fused(False):
        made = interpret.DeepLift(forward).attribute(x, x.roll(1, 0), "all")
    assert made.delta.abs().max() < 1e-10
    wrong(
        lambda: interpret.DeepLift(forward).attribute(x, x.roll(1, 0), "all"),
        "DeepLift has no rule for the operation 'scaled_dot_product_attention' on the model's way; "
        "use IntegratedGradients",
    )


@pytest.mark.parametrize(
    ("rule", "theirs"),
    [
        ("epsilon", lambda: rules.EpsilonRule(1e-9)),
        ("gamma", lambda: rules.GammaRule(0.25)),
        ("z+", lambda: rules.Alpha1_Beta0_Rule(set_bias_to_zero=True)),
    ],
)
def test_lrp_equals_captum(flat, images, rule, theirs):
    for name in ("conv", "second", "head"):
        getattr(flat, name).rule = theirs()
    expected = captum.LRP(flat).attribute(images, target=2)
    near(interpret.LRP(flat, rule).attribute(images, target=2).values, expected)


def test_lrp_takes_a_rule_for_each_layer_by_pattern(flat, images):
    flat.conv.rule, flat.second.rule = rules.Alpha1_Beta0_Rule(set_bias_to_zero=True), rules.GammaRule(0.5)
    flat.head.rule = rules.EpsilonRule(1e-9)
    expected = captum.LRP(flat).attribute(images, target=0)
    made = interpret.LRP(flat, {"conv*": "z+", "second": "gamma"}, gamma=0.5).attribute(images, target=0)
    near(made.values, expected)


def test_lrp_conserves_relevance_without_biases_also_on_functional_code(functional, images):
    for parameter in functional.named_parameters():
        if parameter[0].endswith("bias"):
            nn.init.zeros_(parameter[1])
    made = interpret.LRP(functional).attribute(images, target="all")
    assert made.delta.abs().max() < 1e-8
    assert made.values.abs().max() > 1e-3


def wrong(call, text):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == text


def test_what_has_no_rule_is_refused_by_name(mlp, rows):
    lift = interpret.DeepLift
    for forward, name in [
        (lambda x: x.sort(1).values[:, 0], "sort"),
        (lambda x: torch.linalg.norm(x, dim=1), "linalg_norm"),
        (lambda x: torch.maximum(x[:, 0], x[:, 1]), "maximum"),
    ]:
        wrong(
            lambda forward=forward: lift(forward).attribute(rows),
            f"DeepLift has no rule for the operation {name!r} on the model's way; use IntegratedGradients",
        )
    wrong(
        lambda: interpret.LRP(nn.Sequential(nn.Linear(6, 2), nn.Softmax(1)).double()).attribute(rows, 0),
        "LRP has no rule for the operation 'softmax' on the model's way; use IntegratedGradients",
    )


class Hidden(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return 3 * ctx.saved_tensors[0] ** 2 * g


def test_what_hides_from_the_trace_is_refused(rows):
    with pytest.raises(
        ValueError,
        match=r"^the values miss f\(x\) - f\(baseline\) by [\d.]+: part of the model hides from the trace; "
        r"use IntegratedGradients$",
    ):
        interpret.DeepLift(lambda x: Hidden.apply(x).sum(1)).attribute(rows)
    calls = itertools.count()
    wrong(
        lambda: interpret.DeepLift(lambda x: (x.sin() if next(calls) else x.exp()).sum(1)).attribute(rows),
        "the model does other operations for the baseline; use IntegratedGradients",
    )


@pytest.mark.parametrize(
    ("forward", "name"),
    [
        (lambda x: (2 * x if x.sum() > 0 else 3 * x).sum(1), "bool"),
        (lambda x: (x * x.sum().item()).sum(1), "item"),
        (lambda x: x[:, int(x.abs().sum(0).argmax())], "int"),
    ],
)
def test_numbers_that_leave_the_trace_are_refused(rows, forward, name):
    x = rows.abs().flip(1).cumsum(1)  # complete by chance, were it not refused
    text = f"DeepLift has no rule for the operation {name!r} on the model's way; use IntegratedGradients"
    wrong(lambda: interpret.DeepLift(forward).attribute(x), text)


def test_lrp_refuses_numbers_that_leave_the_trace(rows, seeded):
    class Scaled(nn.Linear):
        def forward(self, x):
            return super().forward(x) * x.sum().item()

    wrong(
        lambda: interpret.LRP(Scaled(6, 2).double()).attribute(rows, target=0),
        "LRP has no rule for the operation 'item' on the model's way; use IntegratedGradients",
    )


@own_checks
def test_bad_rules_are_named(mlp):
    wrong(
        lambda: interpret.LRP(mlp, "eps"),
        "rules='eps' is not known; did you mean 'epsilon'? choose from epsilon, gamma, z+",
    )
    wrong(
        lambda: interpret.LRP(mlp, {"conv*": "z+"}),
        "rules='conv*' is not known; choose from , 0, 1, 2, 3, 4",
    )
    wrong(lambda: interpret.LRP(mlp, epsilon=0.0), "epsilon=0.0 is out of range; give a float > 0")


def test_deeplift_passes_a_log_softmax(rows, seeded):
    x, x0 = rows, rows.roll(1, 0)
    made = interpret.DeepLift(lambda x: torch.log_softmax(x, 1)).attribute(x, x0, "all")
    assert made.delta.abs().max() < 1e-12
    top = torch.maximum(x, x0).amax(1, keepdim=True)
    e, e0 = (x - top).exp(), (x0 - top).exp()
    curve = (e.sum(1) / e0.sum(1)).log() / (e.sum(1) - e0.sum(1))  # Δ log Σ / Δ Σ
    for k in range(6):
        near(made.values[k], (x - x0) * (torch.arange(6) == k) - curve[:, None] * (e - e0))


class Bend(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x.sigmoid())
        return x.sigmoid()

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0] * (1 - ctx.saved_tensors[0])


class Bent(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(6, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(Bend.apply(self.first(x)))


class Tied(nn.Module):
    """One layer under two names, and two layers that share a weight."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False)
        self.c, self.b.weight = self.a, self.a.weight

    def forward(self, x):
        return self.c(F.relu(self.b(F.relu(self.a(x)))))


def test_lrp_knows_tied_weights(rows, seeded):
    made = interpret.LRP(Tied().double(), {"b": "gamma"}).attribute(rows, target="all")
    assert made.delta.abs().max() < 1e-6
    assert made.values.abs().max() > 1e-3


@own_checks
def test_lrp_refuses_what_it_cannot_do_rightly(rows, seeded):
    wrong(
        lambda: interpret.LRP(Bent().double()).attribute(rows, target=0),
        "LRP has no rule for the operation 'Bend' on the model's way; use IntegratedGradients",
    )
    kits = nn.Sequential(layers.Linear(6, 4), nn.ReLU(), layers.Linear(4, 2)).double()
    a, b = (interpret.LRP(kits, rule).attribute(rows, target=0).values for rule in ("gamma", "epsilon"))
    assert not torch.allclose(a, b)
    with layers.fused(False):
        near(interpret.LRP(kits).attribute(rows, target=0).values, b)
        wrong(
            lambda: interpret.LRP(kits, "gamma").attribute(rows, target=0),
            "rule 'gamma' met no linear or convolutional operation; write the layer with F.linear or "
            "F.conv2d, kit's with layers.fused",
        )
    with pytest.raises(TypeError) as error:
        interpret.LRP(torch.sin)
    assert str(error.value).endswith("is not a torch.nn.Module; the rules go by its modules")


def test_lrp_gives_nothing_through_an_activation_that_stands_at_zero():
    class Difference(nn.Module):
        def forward(self, x):
            return F.relu(x[:, 0] - x[:, 1]) + x[:, 2]

    assert interpret.LRP(Difference()).attribute(torch.tensor([[1.0, 1.0, 2.0]])).values.tolist() == [
        [0, 0, 2]
    ]
