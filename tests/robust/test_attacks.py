"""Attacks: Foolbox's examples, the ball and the bounds, the linear case solved by hand, bad input."""

import pytest
import torch
from scipy import stats
from torch import nn

from kit.robust import FGSM, PGD, DeepFool

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


def foolbox():
    import foolbox as fb

    return fb


@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.15), ("l2", 1.0)])
def test_pgd_finds_foolboxs_examples_with_its_seed(trained, norm, eps, start):
    model, x, y = trained
    fb = foolbox()
    kind = {"linf": fb.attacks.LinfPGD, "l2": fb.attacks.L2PGD}[norm]
    theirs = kind(steps=15, random_start=start)
    torch.manual_seed(3)
    _, found, success = theirs(fb.PyTorchModel(model, bounds=(0, 1)), x, y, epsilons=eps)
    attack = PGD(eps, norm, steps=15, step_size=eps * theirs.rel_stepsize, random_start=start)
    result = attack(model, x, y, generator=torch.Generator().manual_seed(3))
    assert torch.allclose(result.x, found, atol=5e-6)
    assert torch.equal(result.success, success)
    assert 0.1 < result.accuracy < 0.9


def test_pgd_and_fgsm_find_torchattacks_examples_with_its_seed(trained):
    theirs = pytest.importorskip(
        "torchattacks",
        reason="torchattacks is not installed, for it pins an old requests; `pip install --no-deps --target "
        "DIR torchattacks`, then `PYTHONPATH=DIR pytest tests/robust` compares",
    )
    model, x, y = trained
    torch.manual_seed(5)
    pairs = [
        (theirs.PGD(model, eps=0.1, alpha=0.01, steps=15), PGD(0.1, steps=15, step_size=0.01)),
        (
            theirs.PGDL2(model, eps=1.0, alpha=0.1, steps=15, random_start=False, eps_for_division=1e-30),
            PGD(1.0, "l2", steps=15, step_size=0.1, random_start=False),
        ),
        (theirs.FGSM(model, eps=0.1), FGSM(0.1)),
    ]
    for other, mine in pairs:
        found, result = other(x, y), mine(model, x, y, generator=torch.Generator().manual_seed(5))
        assert torch.allclose(result.x, found, atol=5e-6)
        with torch.no_grad():
            assert torch.equal(result.success, model(found).argmax(1) != y)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_fgsm_and_deepfool_find_foolboxs_examples(trained, norm):
    model, x, y = trained
    fb = foolbox()
    wrapped = fb.PyTorchModel(model, bounds=(0, 1))
    fast = {"linf": fb.attacks.LinfFastGradientAttack, "l2": fb.attacks.L2FastGradientAttack}[norm]
    assert torch.allclose(FGSM(0.1, norm)(model, x, y).x, fast()(wrapped, x, y, epsilons=0.1)[1], atol=1e-6)
    fool = {"linf": fb.attacks.LinfDeepFoolAttack, "l2": fb.attacks.L2DeepFoolAttack}[norm]
    _, found, success = fool()(wrapped, x, y, epsilons=None)
    result = DeepFool(norm)(model, x, y)
    assert torch.allclose(result.x, found, atol=1e-5)
    assert torch.equal(result.success, success)
    assert result.accuracy == 0


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_what_comes_back_lies_in_the_ball_and_in_bounds(trained, norm):
    model, x, y = trained
    wide = PGD(0.3, norm, steps=10, step_size=0.1, bounds=(-1, 1))
    result = wide(model, 2 * x - 1, y, generator=torch.Generator().manual_seed(0))
    assert result.x.min() >= -1
    assert result.x.max() <= 1
    away = (result.x - (2 * x - 1)).flatten(1)
    distance = away.abs().amax(1) if norm == "linf" else away.norm(dim=1)
    assert torch.allclose(distance.double(), result.distance, atol=1e-6)
    assert 0.29 < result.distance.max() < 0.3 + 1e-5
    with torch.no_grad():
        assert torch.equal(model(result.x).argmax(1) != y, result.success)


def test_on_a_linear_score_fgsm_costs_eps_times_the_l1_norm():
    """Source: Goodfellow et al. (2015), section 4."""
    model = nn.Linear(5, 2).double().eval()
    x, y = torch.full((3, 5), 0.5, dtype=torch.float64), torch.tensor([0, 1, 0])
    w = (model.weight[1] - model.weight[0]).detach()
    with torch.no_grad():
        gap = lambda z: (model(z)[:, 1] - model(z)[:, 0]) * torch.where(y == 1, 1, -1)  # noqa: E731
        lost = gap(x) - gap(FGSM(0.01)(model, x, y).x)
    assert torch.allclose(lost, 0.01 * w.abs().sum().expand(3), atol=1e-12)
    pgd = PGD(0.01, steps=60)(model, x, y, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(pgd.x, FGSM(0.01)(model, x, y).x, atol=1e-12)


def test_on_a_linear_score_deepfool_steps_onto_the_border():
    model = nn.Linear(6, 2).double().eval()
    x = torch.full((4, 6), 0.5, dtype=torch.float64) + 0.01 * torch.arange(24).reshape(4, 6)
    with torch.no_grad():
        logits = model(x)
        y, w = logits.argmax(1), model.weight[1] - model.weight[0]
        nearest = (logits[:, 1] - logits[:, 0]).abs() / w.norm()
    result = DeepFool(overshoot=0.0, bounds=(-9.0, 9.0))(model, x, y)
    assert torch.allclose(result.distance, nearest, atol=2e-4)
    assert result.success.all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_deepfool_goes_to_the_nearest_of_many_linear_borders(norm):
    """Source: Moosavi-Dezfooli et al. (2016), eq. 8 for l2, and eq. 9 with its dual norm for linf."""
    torch.manual_seed(2)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 5)).double().eval()
    x = torch.rand(20, 3, 2, 2, dtype=torch.float64)
    with torch.no_grad():
        logits = model(x)
        y, rows = logits.argmax(1), torch.arange(20)
        slopes = model[1].weight - model[1].weight[y][:, None]  # (N, C, D)
        gaps = logits[rows, y][:, None] - logits
        far = gaps / slopes.norm(p=2 if norm == "l2" else 1, dim=2)
        nearest = far.scatter(1, y[:, None], torch.inf).amin(1)
    result = DeepFool(norm, overshoot=0.0, bounds=(-9.0, 9.0))(model, x, y)
    assert torch.allclose(result.distance, nearest, atol=1e-3)
    assert result.success.all()
    wrong = DeepFool(norm)(model, x, (y + 1) % 5)
    assert wrong.success.all() and torch.equal(wrong.distance, torch.zeros(20, dtype=torch.float64))


def test_random_starts_fill_the_l2_ball_evenly():
    model = nn.Linear(3, 2).double().eval()
    x, y = torch.zeros(4000, 3, dtype=torch.float64), torch.zeros(4000, dtype=torch.long)
    start = PGD(2.0, "l2", steps=0, bounds=(-9.0, 9.0))
    found = start(model, x, y, generator=torch.Generator().manual_seed(0))
    inside = ((found.distance / 2) ** 3).numpy()  # the share of the ball's volume within: uniform
    assert stats.kstest(inside, "uniform").pvalue > 0.01
    assert found.x.mean(0).norm() < 0.1


def test_a_restart_never_loses_what_was_found(trained):
    model, x, y = trained
    one, five = (
        PGD(0.1, steps=4, step_size=0.04, restarts=n)(model, x, y, generator=torch.Generator().manual_seed(0))
        for n in (1, 5)
    )
    assert (five.success | ~one.success).all()
    assert five.accuracy <= one.accuracy
    again = PGD(0.1, steps=4, step_size=0.04)(model, x, y, generator=torch.Generator().manual_seed(0))
    assert torch.equal(one.x, again.x)


def test_a_targeted_attack_reaches_the_class(trained):
    model, x, _ = trained
    wanted = torch.full((len(x),), 3)
    result = PGD(1.0, steps=60, step_size=0.05, random_start=False, targeted=True)(model, x, wanted)
    assert result.accuracy < 0.05
    assert (model(result.x).argmax(1) == 3)[result.success].all()


def test_weights_keep_no_gradient_and_inputs_stay(trained):
    model, x, y = trained
    before = x.clone()
    model.zero_grad(set_to_none=True)
    PGD(0.1, steps=2)(model, x, y)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(x, before)
    assert not x.requires_grad


def test_neither_model_nor_inputs_are_changed_by_an_attack(trained):
    model, x, y = trained
    flags = [parameter.requires_grad for parameter in model.parameters()]
    wanted = PGD(0.1, steps=3, random_start=False)(model, x, y).x
    for attack in (PGD(0.1, steps=3, random_start=False), DeepFool(steps=2)):
        result = attack(model, x.clone().requires_grad_(), y)
        assert not result.x.requires_grad
    assert torch.equal(PGD(0.1, steps=3, random_start=False)(model, x.clone().requires_grad_(), y).x, wanted)
    nothing = PGD(0.1, steps=0, random_start=False)(model, x, y)
    nothing.x.zero_()  # a tensor of its own
    already = DeepFool()(model, x, (model(x).argmax(1) + 1) % 10)
    already.x.zero_()
    assert x.max() > 0.5
    state = torch.get_rng_state()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    frozen = PGD(0.1, steps=3)(model, x, y.to(torch.uint8), generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), state)
    assert frozen.accuracy < 1
    assert not any(parameter.requires_grad for parameter in model.parameters())
    for parameter, flag in zip(model.parameters(), flags):
        parameter.requires_grad_(flag)
    with torch.no_grad():
        assert torch.equal(PGD(0.1, steps=3, random_start=False)(model, x, y).x, wanted)


def test_a_result_says_how_many_got_through(trained):
    model, x, y = trained
    result = FGSM(0.1)(model, x, y)
    through = int((model(result.x).argmax(1) != y).sum())
    assert repr(result) == f"AttackResult({through} of 120 got through, median distance 0.1)"


UNTRACED = (
    "model(x) cannot be traced back to x by autograd; keep to torch operations that have a "
    "gradient, without detach, no_grad or inference_mode"
)
X, Y = torch.full((2, 1, 8, 8), 0.5), torch.tensor([1, 2])


class Rounded(nn.Module):
    def forward(self, x):
        return torch.nn.functional.one_hot(x.flatten(1).detach().argmax(1), 64).float()


class Detached(nn.Module):
    """Its weights have gradients, its input has none."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(x.detach().flatten(1))


class Rooted(nn.Module):
    """The gradient of the root is infinite at 0, and 0 times infinity is NaN."""

    def forward(self, x):
        z = (x.flatten(1)[:, :3] - 0.5).clamp(min=0).sqrt()
        return z * z.detach()


def partly_loud():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(64, 10)).eval()
    model[1].train()
    return model


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m: PGD(0), ValueError, "eps=0 is out of range; give a float > 0"),
        (lambda m: FGSM(-1), ValueError, "eps=-1 is out of range; give a float > 0"),
        (
            lambda m: PGD(0.1, "l1"),
            ValueError,
            "norm='l1' is not known; choose from linf, l2",
        ),
        (lambda m: PGD(0.1, bounds=(1, 0)), ValueError, "bounds[1]=0 is out of range; give a float > 1"),
        (
            lambda m: PGD(0.1, bounds=(-float("inf"), 1)),
            ValueError,
            "bounds[0]=-inf is out of range; give a float that is finite",
        ),
        (lambda m: PGD(0.1, step_size=0), ValueError, "step_size=0 is out of range; give a float > 0"),
        (
            lambda m: PGD(0.1, random_start=False, restarts=3),
            ValueError,
            "restarts=3 repeats one search without random_start; set random_start=True",
        ),
        (lambda m: DeepFool(overshoot=-1), ValueError, "overshoot=-1 is out of range; give a float >= 0"),
        (lambda m: PGD(0.1, steps=-1), ValueError, "steps=-1 is out of range; give an int >= 0"),
        (lambda m: PGD(0.1, restarts=0), ValueError, "restarts=0 is out of range; give an int >= 1"),
        (lambda m: DeepFool(candidates=1), ValueError, "candidates=1 is out of range; give an int >= 2"),
        (
            lambda m: PGD(0.1)(m, X * 255, Y),
            ValueError,
            "x holds values from 127.5 to 127.5, outside bounds=(0.0, 1.0); "
            "give inputs or bounds that agree, and normalize inside the model",
        ),
        (
            lambda m: PGD(0.1)(nn.Sequential(nn.Flatten(), nn.Dropout()), X, Y),
            ValueError,
            "model=Sequential is in training mode; call model.eval()",
        ),
        (
            lambda m: PGD(0.1)(m, X, Y + 9),
            ValueError,
            "y.max()=11 is out of range; give an int >= 0 and <= 9",
        ),
        (
            lambda m: PGD(0.1)(m, X, Y[:1]),
            ValueError,
            "len(x)=2, len(y)=1 differ; give one entry of each per sample",
        ),
        (
            lambda m: PGD(0.1)(m, X, Y.float()),
            TypeError,
            "y has dtype torch.float32, whole numbers are needed; use y.long()",
        ),
        (
            lambda m: PGD(0.1)(Rounded().eval(), X, Y),
            ValueError,
            UNTRACED,
        ),
        (lambda m: PGD(0.1)(Detached().eval(), X, Y), ValueError, UNTRACED),
        (lambda m: DeepFool()(d := Detached().eval(), X, d(X).argmax(1)), ValueError, UNTRACED),
        (lambda m: PGD(0.1)(torch.no_grad()(m.forward), X, Y), ValueError, UNTRACED),
        (
            lambda m: PGD(0.1, random_start=False)(Rooted().eval(), X, Y),
            ValueError,
            "the gradient of model(x) holds NaN or infinity; look for 0 / 0, log(0) or sqrt(0) in the model",
        ),
        (
            lambda m: PGD(0.1)(partly_loud(), X, Y),
            ValueError,
            "model=Sequential is in training mode at '1'; call model.eval()",
        ),
        (
            lambda m: PGD(0.1)(lambda x: m(x)[:, :1], X, Y * 0),
            ValueError,
            "model(x) has 1 column, one logit per class is needed; for a single logit z "
            "return torch.cat([torch.zeros_like(z), z], 1)",
        ),
        (
            lambda m: PGD(0.1)(lambda x: m(x)[:1], X, Y),
            ValueError,
            "len(model(x))=1, len(y)=2 differ; give one entry of each per sample",
        ),
        (lambda m: PGD(0.1)(m, X[:0], Y[:0]), ValueError, "x is empty; give at least one item"),
        pytest.param(
            lambda m: PGD(0.1)(m, X.numpy(), Y),
            TypeError,
            "x=ndarray(2, 1, 8, 8) of float32 is not a tensor; convert it with torch.as_tensor(x)",
            marks=own_checks,
        ),
        pytest.param(
            lambda m: PGD(0.1)(m, X, [1, 2]),
            TypeError,
            "y=[1, 2] is not a tensor; convert it with torch.as_tensor(y)",
            marks=own_checks,
        ),
    ],
)
def test_bad_input_is_named_with_a_way_out(trained, call, error, message):
    with pytest.raises(error) as caught:
        call(trained[0])
    assert str(caught.value) == message
