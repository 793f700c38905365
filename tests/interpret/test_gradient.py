"""Gradient methods equal Captum's, are complete where they say so, and refuse bad input."""

import numpy as np
import pytest
import torch
from torch import nn

from kit import interpret
from kit.layers import GELU, LayerNorm, Linear

captum = pytest.importorskip("captum.attr")
own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
pytestmark = [
    pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require gradients:UserWarning"),
]
TARGETS = [1, [0, 1, 2, 0, 1, 2, 0], torch.tensor([2, 2, 1, 1, 0, 0, 1])]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", ["Saliency", "InputXGradient"])
def test_one_gradient_equals_captum(mlp, rows, method, target):
    ours = getattr(interpret, method)(mlp).attribute(rows, target=target)
    assert torch.equal(ours.values, getattr(captum, method)(mlp).attribute(rows, target=target))
    assert ours.method == method


@pytest.mark.filterwarnings("ignore::kit.interpret.CompletenessWarning")  # few steps, the same for both
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", ["gausslegendre", "riemann_middle"])
@pytest.mark.parametrize("at_once", [256, 3])
def test_integrated_gradients_equal_captum(mlp, rows, method, target, at_once):
    options = {"target": target, "n_steps": 20, "method": method}
    ours = interpret.IntegratedGradients(mlp).attribute(rows, 0.3, internal_batch_size=at_once, **options)
    options["return_convergence_delta"] = True
    theirs, delta = captum.IntegratedGradients(mlp).attribute(rows, 0.3, **options)
    torch.testing.assert_close(ours.values, theirs, rtol=0, atol=1e-8)
    torch.testing.assert_close(ours.delta, delta, rtol=0, atol=1e-7)
    assert ours.baseline == 0.3


def test_tuple_in_tuple_out_with_further_arguments(two_inputs, seeded):
    x, y = torch.randn(7, 5, dtype=torch.float64), torch.randn(7, 3, dtype=torch.float64)
    factor = torch.rand(7, dtype=torch.float64)
    arguments = {"target": 2, "additional_forward_args": factor, "baselines": (0, y[:1])}
    ours = interpret.IntegratedGradients(two_inputs).attribute((x, y), **arguments)
    theirs = captum.IntegratedGradients(two_inputs).attribute((x, y), **arguments)
    assert isinstance(ours.values, tuple)
    for a, b in zip(ours.values, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-8)


def test_a_gap_tells_what_a_product_or_an_ablation_misses(rows):
    def product(x):
        return x[:, 0] * x[:, 1] + x[:, 2]

    both = rows[:, 0] * rows[:, 1]
    for name in ("InputXGradient", "FeatureAblation"):  # both give the product to each of its factors
        made = getattr(interpret, name)(product).attribute(rows)
        torch.testing.assert_close(made.delta, both)
    groups = torch.tensor([[0, 0, 1, 1, 1, 1]])
    made = interpret.FeatureAblation(product).attribute(rows, feature_mask=groups)
    assert made.delta.abs().max() < 1e-12


def test_all_explains_every_output_at_once(mlp, rows):
    for name in ("Saliency", "IntegratedGradients", "FeatureAblation", "KernelShap", "DeepLift"):
        method = getattr(interpret, name)(mlp)
        together = method.attribute(rows, target="all")
        assert together.values.shape == (3, *rows.shape)
        for k in range(3):
            one = method.attribute(rows, target=k)
            torch.testing.assert_close(together.values[k], one.values)
            if one.delta is not None:
                torch.testing.assert_close(together.delta[k], one.delta, atol=1e-12, rtol=0)


def test_a_tuple_target_picks_from_outputs_of_more_dimensions(rows):
    def forward(x):
        return torch.stack([x.sin(), x.square()], 2)  # (N, 6, 2)

    values = interpret.Saliency(forward).attribute(rows, target=(4, 1)).values
    torch.testing.assert_close(values[:, 4], 2 * rows[:, 4].abs())
    assert values.count_nonzero() == len(rows)


def test_integrated_gradients_are_complete_and_a_jump_at_the_baseline_is_warned_about(rows, recwarn):
    smooth = nn.Sequential(Linear(6, 8), GELU(), Linear(8, 1)).double()
    assert interpret.IntegratedGradients(smooth).attribute(rows).delta.abs().max() < 1e-9
    assert not recwarn.list
    normed = nn.Sequential(LayerNorm(6), Linear(6, 6), LayerNorm(6), Linear(6, 1)).double()
    rows = 10 * rows
    text = (
        r"IntegratedGradients: the values of \d of 7 samples do not sum to f\(x\) - f\(baseline\), "
        r"the largest gap is [\d.]+; "
        r"raise n_steps; where the score jumps at the baseline \(LayerNorm at zero\), "
        r"choose another"
    )
    with pytest.warns(interpret.CompletenessWarning, match=f"^{text}$"):
        jumped = interpret.IntegratedGradients(normed).attribute(rows)
    assert jumped.delta.abs().max() > 0.05
    interpret.IntegratedGradients(normed).attribute(rows, rows.roll(1, 0), n_steps=200)


@pytest.mark.parametrize("absolute", [True, False])
def test_smoothgrad_equals_a_noise_tunnel_with_the_same_noise(mlp, rows, absolute, seeded, monkeypatch):
    # Captum repeats each sample n times in a row, kit the whole batch: hand it kit's noise in its own order.
    ours = interpret.SmoothGrad(mlp).attribute(
        rows, 1, n_samples=4, stdevs=0.5, abs=absolute, generator=torch.Generator().manual_seed(5)
    )
    noise = torch.empty(4, *rows.shape, dtype=rows.dtype).normal_(
        0, 0.5, generator=torch.Generator().manual_seed(5)
    )
    monkeypatch.setattr(torch, "normal", lambda mean, std: noise.transpose(0, 1).flatten(0, 1))
    theirs = captum.NoiseTunnel(captum.Saliency(mlp)).attribute(
        rows, nt_samples=4, stdevs=0.5, target=1, abs=absolute
    )
    torch.testing.assert_close(ours.values, theirs, rtol=0, atol=1e-12)


def test_smoothgrad_without_noise_is_the_gradient(mlp, rows):
    plain = interpret.Saliency(mlp).attribute(rows, 2, abs=False)
    smooth = interpret.SmoothGrad(mlp).attribute(rows, 2, n_samples=3, stdevs=0, abs=False)
    torch.testing.assert_close(plain.values, smooth.values)


def test_gradient_shap_equals_captum_for_the_same_draws(mlp, rows, monkeypatch):
    pool, n = rows[:3] + 1, 4
    ours = interpret.GradientShap(mlp).attribute(
        rows, pool, n_samples=n, target=1, generator=torch.Generator().manual_seed(5)
    )
    g = torch.Generator().manual_seed(5)
    index = torch.randint(3, (n * 7,), generator=g).view(n, 7).T.flatten()
    alpha = torch.rand(n * 7, generator=g).view(n, 7).T.flatten()
    monkeypatch.setattr(np.random, "choice", lambda *args: index.numpy())
    monkeypatch.setattr(np.random, "uniform", lambda *args: alpha.numpy())
    theirs, delta = captum.GradientShap(mlp).attribute(
        rows, pool, n_samples=n, target=1, stdevs=0.0, return_convergence_delta=True
    )
    torch.testing.assert_close(ours.values, theirs, rtol=0, atol=1e-7)
    torch.testing.assert_close(ours.delta, delta.view(7, n).mean(1), rtol=0, atol=1e-7)


def test_gradient_shap_approaches_integrated_gradients(mlp, rows):
    pool = rows[3:5]
    ours = interpret.GradientShap(mlp).attribute(
        rows, pool, n_samples=3000, target=0, generator=torch.Generator().manual_seed(0)
    )
    each = [interpret.IntegratedGradients(mlp).attribute(rows, b[None], 0, n_steps=200).values for b in pool]
    torch.testing.assert_close(ours.values, sum(each) / 2, atol=0.01, rtol=0)


def test_gradcam_equals_captum_enlarged(cnn, images):
    for target in (1, torch.tensor([0, 1, 2, 3, 0])):
        theirs = captum.LayerGradCam(cnn, cnn[3]).attribute(images, target, relu_attributions=True)
        theirs = captum.LayerAttribution.interpolate(theirs, (8, 8), "bilinear")
        for layer in ("3", cnn[3]):
            ours = interpret.GradCAM(cnn, layer).attribute(images, target)
            torch.testing.assert_close(ours.values, theirs)
    every = interpret.GradCAM(cnn, "3").attribute(images, "all", relu_attributions=False)
    assert every.values.shape == (4, 5, 1, 8, 8)
    assert every.values.min() < 0


def test_gradcam_sees_the_layer_before_an_in_place_activation(images, seeded):
    conv, head = nn.Conv2d(1, 2, 3), nn.Sequential(nn.Flatten(), nn.Linear(72, 2))
    nets = [nn.Sequential(conv, nn.ReLU(inplace=i), *head).double() for i in (True, False)]
    a, b = (interpret.GradCAM(net, "0").attribute(images, 1, relu_attributions=False).values for net in nets)
    torch.testing.assert_close(a, b)


def test_rows_of_zero_gradient_for_a_feature_that_is_not_used(rows):
    values = interpret.IntegratedGradients(lambda x: x[:, 0] * x[:, 1]).attribute(rows).values
    assert not values[:, 2:].any()
    torch.testing.assert_close(values[:, 0], values[:, 1])  # symmetry from a symmetric baseline
    torch.testing.assert_close(values[:, 0], rows[:, 0] * rows[:, 1] / 2)


def test_nothing_is_left_behind_in_the_model(mlp, rows):
    rows.requires_grad_()
    interpret.IntegratedGradients(mlp).attribute(rows, target=0)
    assert rows.grad is None
    assert all(p.grad is None for p in mlp.parameters())


def wrong(call, kind, text):
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == text


@own_checks
def test_bad_calls_are_named(mlp, rows, seeded):
    ig, grad = interpret.IntegratedGradients(mlp), interpret.Saliency
    active = nn.Sequential(nn.Linear(6, 3), nn.Dropout(0.5)).double()
    for call, kind, text in [
        (
            lambda: ig.attribute(rows, target=3),
            ValueError,
            "target=3 is out of range; give an int >= 0 and <= 2",
        ),
        (
            lambda: ig.attribute(rows, target=torch.tensor([0, 1, 2, 0, 1, 2, 5])),
            ValueError,
            "target=5 is out of range; give an int >= 0 and <= 2",
        ),
        (lambda: ig.attribute(rows, target=[0, 1]), ValueError, "len(target)=2 for 7 samples; give one each"),
        (
            lambda: ig.attribute(rows),
            ValueError,
            "target=None for outputs of shape (3,); say which one, or 'all'",
        ),
        (
            lambda: ig.attribute(rows, target="al"),
            ValueError,
            "target='al' is not known; did you mean 'all'? choose from all",
        ),
        (
            lambda: ig.attribute(rows, target=(0, 1)),
            ValueError,
            "target=(0, 1) for outputs of shape (3,); give a tuple of 1 indices",
        ),
        (
            lambda: ig.attribute(rows, rows[:3], target=0),
            ValueError,
            "baselines has shape (3, 6) for inputs of shape (7, 6); give a number, (1, 6) or (7, 6)",
        ),
        (
            lambda: ig.attribute(rows, target=0, method="trapezoid"),
            ValueError,
            "method='trapezoid' is not known; choose from gausslegendre, riemann_middle",
        ),
        (
            lambda: ig.attribute([1.0], target=0),
            TypeError,
            "inputs[0]=[1.0] is not a tensor; convert it with torch.as_tensor(inputs[0])",
        ),
        (lambda: ig.attribute(rows[:0], target=0), ValueError, "inputs is empty; give at least one item"),
        (
            lambda: grad(lambda x: x.detach().sum(1)).attribute(rows),
            ValueError,
            "autograd finds no way from the score to inputs[0] (detached, rounded or unused); "
            "repair the model, or use FeatureAblation or KernelShap",
        ),
        (
            lambda: grad(lambda x, y: x.sum(1)).attribute((rows, rows)),
            ValueError,
            "autograd finds no way from the score to inputs[1] (detached, rounded or unused); "
            "repair the model, or use FeatureAblation or KernelShap",
        ),
        *(
            (
                lambda name=name: getattr(interpret, name)(mlp).attribute(rows.long(), target=0),
                TypeError,
                "inputs[0] has dtype torch.int64, which has no gradient; explain a function from "
                "embeddings to scores instead",
            )
            for name in ("Saliency", "IntegratedGradients", "SmoothGrad")
        ),
        (
            lambda: grad(lambda x: x.sum(1)).attribute(rows, 0),
            ValueError,
            "target=0 for outputs of shape (); give None",
        ),
        (
            lambda: grad(lambda x: {"logits": x}).attribute(rows, 0),
            ValueError,
            "the model returns dict for 7 samples, one row each is needed; wrap it, for example "
            "lambda *x: model(*x).logits",
        ),
        (
            lambda: grad(lambda x: x.mean()).attribute(rows, 0),
            ValueError,
            "the model returns Tensor() of torch.float64 for 7 samples, one row each is needed; wrap it, for "
            "example lambda *x: model(*x).logits",
        ),
        (
            lambda: grad(active).attribute(rows, 0),
            ValueError,
            "1 (Dropout) is in training mode; call model.eval() first",
        ),
        (
            lambda: interpret.GradientShap(mlp).attribute(rows, rows[:, :3], target=0),
            ValueError,
            "baselines has shape (7, 3), its rows must have (6,); give one row or more",
        ),
        (
            lambda: interpret.GradCAM(mlp, "conv"),
            ValueError,
            "name='conv' is not known; choose from , 0, 1, 2, 3, 4",
        ),
        (
            lambda: interpret.GradCAM(mlp, "0").attribute(rows, 0),
            ValueError,
            "the output of 0 has shape (7, 16), 4 dimensions are needed; reshape it",
        ),
    ]:
        wrong(call, kind, text)


IN_PLACE = [
    *("Saliency", "InputXGradient", "IntegratedGradients", "SmoothGrad", "LRP", "DeepLift"),
    *("FeatureAblation", "ShapleyValues", "KernelShap", "ShapleyValueSampling"),
]


@pytest.mark.parametrize("name", IN_PLACE)
def test_a_model_that_changes_its_inputs_in_place_gets_copies(rows, seeded, name):
    head = nn.Linear(6, 2).double()
    mine, plain = (nn.Sequential(nn.ReLU(inplace=place), head) for place in (True, False))
    kept, found = rows.clone(), []
    for model in (mine, plain):
        options = {"generator": torch.Generator().manual_seed(0)}
        options = options if name in ("SmoothGrad", "KernelShap", "ShapleyValueSampling") else {}
        found.append(getattr(interpret, name)(model).attribute(rows, target=1, **options).values)
    assert torch.equal(rows, kept)
    torch.testing.assert_close(*found)


def test_images_changed_in_place_get_copies_too(images, seeded):
    parts = [nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2)]
    mine, plain = (nn.Sequential(nn.ReLU(inplace=place), *parts).double() for place in (True, False))
    kept = images.clone()
    for explain in (
        lambda m: interpret.GradCAM(m, "1").attribute(images, 1).values,
        lambda m: interpret.Occlusion(m).attribute(images, (1, 4, 4), 2, target=1).values,
        lambda m: interpret.deletion_curve(m, images, kept, target=1).scores,
    ):
        torch.testing.assert_close(explain(mine), explain(plain))
        assert torch.equal(images, kept)


def test_what_draws_nothing_leaves_torchs_random_numbers_alone(mlp, rows):
    before = torch.get_rng_state()
    for name in (
        "Saliency",
        "IntegratedGradients",
        "FeatureAblation",
        "ShapleyValues",
        "KernelShap",
        "DeepLift",
    ):
        getattr(interpret, name)(mlp).attribute(rows, target=0)
    drawn = {"generator": torch.Generator().manual_seed(0), "target": 0}
    interpret.SmoothGrad(mlp).attribute(rows, **drawn)
    interpret.GradientShap(mlp).attribute(rows, rows[:2], **drawn)
    interpret.ShapleyValueSampling(mlp).attribute(rows, **drawn)
    assert torch.equal(before, torch.get_rng_state())


def test_a_target_may_be_an_array(mlp, rows):
    classes = np.array([0, 1, 2, 0, 1, 2, 0])
    a, b = (interpret.Saliency(mlp).attribute(rows, t).values for t in (classes, classes.tolist()))
    assert torch.equal(a, b)


@own_checks
def test_bad_inputs_and_baselines_are_named(mlp, rows, images, seeded):
    conv = nn.Conv2d(1, 1, 3, padding=1)
    twice = nn.Sequential(conv, nn.ReLU(), conv, nn.Flatten(), nn.Linear(64, 2)).double()
    tokens, shap = torch.tensor([[3, 1]]), interpret.GradientShap
    ablate = interpret.FeatureAblation(lambda ids: ids.float().sum(1)).attribute
    for call, kind, text in [
        (
            lambda: interpret.Saliency(mlp).attribute(rows.numpy(), 0),
            TypeError,
            "inputs[0]=ndarray(7, 6) of float64 is not a tensor; convert it with torch.as_tensor(inputs[0])",
        ),
        (
            lambda: interpret.Saliency(mlp).attribute(rows, (torch.arange(7) % 3,)),
            TypeError,
            "target=Tensor(7,) of torch.int64 is not a whole number; give an int >= 0 and <= 2",
        ),
        (
            lambda: ablate(tokens, 0.5),
            ValueError,
            "baselines=0.5 for inputs of torch.int64 would be cut; give a whole number",
        ),
        (
            lambda: ablate(tokens, torch.full((1, 2), 0.5)),
            TypeError,
            "baselines has dtype torch.float32 for inputs of torch.int64; give whole numbers",
        ),
        (
            lambda: shap(mlp).attribute(rows, 0, target=0),
            TypeError,
            "baselines=0 is not a tensor; convert it with torch.as_tensor(baselines)",
        ),
        (
            lambda: shap(lambda a, b: (a + b).sum(1)).attribute((rows, rows), (rows, rows[:2])),
            ValueError,
            "len(baselines[0])=7, len(baselines[1])=2 differ; give one entry of each per sample",
        ),
        (
            lambda: interpret.GradCAM(twice, "0").attribute(images, 0),
            ValueError,
            "layer '0' runs 2 times; choose one that runs once",
        ),
    ]:
        wrong(call, kind, text)


@pytest.mark.parametrize(
    "module",
    [nn.LSTM(6, 4, 2, dropout=0.5), nn.MultiheadAttention(6, 2, dropout=0.5), nn.RReLU(), nn.BatchNorm1d(6)],
)
def test_every_kind_of_randomness_of_training_is_refused(rows, module):
    model = nn.Sequential(module)
    wrong(
        lambda: interpret.Saliency(model).attribute(rows, 0),
        ValueError,
        f"0 ({type(module).__name__}) is in training mode; call model.eval() first",
    )
    if isinstance(module, nn.RReLU):
        assert interpret.Saliency(model.eval()).attribute(rows, 0).values.shape == rows.shape


def test_a_gap_of_more_than_five_percent_is_warned_about(rows, recwarn):
    x = 1 + rows[:1, :1].abs()

    def explain(power):  # one step: the gradient in the middle of the way
        return interpret.IntegratedGradients(lambda x: x[:, 0] ** power).attribute(x, n_steps=1)

    explain(2.2)  # misses 4 percent
    assert not recwarn.list
    with pytest.warns(interpret.CompletenessWarning, match="the values of 1 of 1 samples do not sum to"):
        explain(2.4)  # 9 percent


def test_dropout_that_drops_nothing_may_train(rows, seeded):
    model = nn.Sequential(nn.Linear(6, 2), nn.Dropout(0.0)).double().train()
    assert interpret.Saliency(model).attribute(rows, 0).values.shape == rows.shape
