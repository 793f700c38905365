"""Muon equals torch.optim.Muon; its pieces do what they promise."""

import copy

import pytest
import torch
from torch import nn

from kit import layers, optim

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
both = pytest.mark.parametrize("on", [True, False])
torchs_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")


def matrices():
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(s, generator=generator)) for s in ((4, 6), (8, 3), (5, 5))]


def walk(optimizer, params, steps):
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        for p in params:
            p.grad = p.detach() - 1 + torch.randn(p.shape, generator=generator)
        optimizer.step()


@torchs_muon
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.02, "weight_decay": 0.0, "nesterov": False},
        {"momentum": 0.5, "adjust_lr_fn": "match_rms_adamw"},
        {"ns_steps": 3, "adjust_lr_fn": "original"},
    ],
)
def test_equals_torchs_muon_over_1000_steps(options):
    ours, theirs = matrices(), matrices()
    walk(optim.Muon(ours, **options), ours, 1000)
    walk(torch.optim.Muon(theirs, **options), theirs, 1000)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


@torchs_muon
def test_state_moves_from_torch_and_back():
    for source, target in ((optim.Muon, torch.optim.Muon), (torch.optim.Muon, optim.Muon)):
        params = matrices()
        first = source(params, lr=0.01)
        walk(first, params, 5)
        copies = copy.deepcopy(params)
        second = target(copies, lr=9.0)
        second.load_state_dict(copy.deepcopy(first.state_dict()))
        walk(first, params, 5)
        walk(second, copies, 5)
        for a, b in zip(params, copies, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)


def test_formula_and_kernel_differ_by_bfloat16_rounding_at_most():
    ours, theirs = matrices(), matrices()
    walk(optim.Muon(ours, lr=0.01), ours, 20)
    walk(optim.Muon(theirs, lr=0.01, fused=False), theirs, 20)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=20 * 0.01 * 0.02)


@pytest.mark.parametrize("shape", [(4, 6), (9, 2), (5, 5), (1, 7)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_formula_equals_kernel_where_rounding_is_small(shape, dtype):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=dtype)
    fast = optim.orthogonalize(matrix, dtype=dtype)
    with layers.fused(False):
        slow = optim.orthogonalize(matrix, dtype=dtype)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-4
    torch.testing.assert_close(fast, slow, rtol=tolerance, atol=tolerance)


@both
@pytest.mark.parametrize("shape", [(16, 24), (24, 16)])
def test_singular_values_move_to_one_and_directions_stay(on, shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    assert s.max() / s.min() > 3
    with layers.fused(on):
        result = optim.orthogonalize(matrix, dtype=torch.float64)
    inside = u.T @ result @ vh.T
    assert 0.65 < inside.diagonal().min() < inside.diagonal().max() < 1.25
    assert (inside - inside.diagonal().diag()).abs().max() < 1e-10


@both
def test_a_zero_gradient_gives_a_zero_step(on):
    with layers.fused(on):
        assert optim.orthogonalize(torch.zeros(3, 4)).abs().max() == 0


def model():
    return nn.ModuleDict(
        {
            "embed": layers.Embedding(7, 4),
            "hidden": layers.Linear(4, 4),
            "norm": layers.LayerNorm(4),
            "head": layers.Linear(4, 7),
        }
    )


def test_a_model_is_split_into_matrices_and_the_rest():
    net = model()
    net["norm"].bias.requires_grad_(False)
    matrices_, others = optim.split_for_muon(net, heads=["head"])
    assert [id(p) for p in matrices_] == [id(net["hidden"].weight)]
    rest = [net["embed"].weight, net["hidden"].bias, net["norm"].weight, net["head"].weight, net["head"].bias]
    assert [id(p) for p in others] == [id(p) for p in rest]
    assert len(optim.split_for_muon(net)[0]) == 2


@both
def test_the_pair_equals_muon_and_adamw_side_by_side(on):
    one, two = model(), model()
    two.load_state_dict(one.state_dict())
    pair = optim.MuonWithAdamW(
        *optim.split_for_muon(one, heads=["head"]), lr=0.02, weight_decay=0.1, adamw_weight_decay=0.2
    )
    matrices_, others = optim.split_for_muon(two, heads=["head"])
    alone = [
        optim.Muon(matrices_, lr=0.02, weight_decay=0.1),
        optim.AdamW(others, lr=3e-4, betas=(0.9, 0.95), weight_decay=0.2),
    ]
    for step in range(10):
        generator = torch.Generator().manual_seed(step)
        for a, b in zip(one.parameters(), two.parameters(), strict=True):
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        with layers.fused(on):
            for optimizer in (pair, *alone):
                optimizer.step()
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_pair_resumes_and_is_scheduled_as_one():
    net = model()
    pair = optim.MuonWithAdamW(*optim.split_for_muon(net), lr=0.02, adamw_lr=0.01)
    torch.optim.lr_scheduler.LambdaLR(pair, optim.constant(0.5))
    assert [group["lr"] for group in pair.param_groups] == [0.01, 0.005]
    assert [group["rule"] for group in pair.param_groups] == ["muon", "adamw"]
    for p in net.parameters():
        p.grad = torch.ones_like(p)
    pair.step()
    again = copy.deepcopy(net)
    other = optim.MuonWithAdamW(*optim.split_for_muon(again))
    other.load_state_dict(copy.deepcopy(pair.state_dict()))
    for optimizer, m in ((pair, net), (other, again)):
        for p in m.parameters():
            p.grad = torch.full_like(p, 0.5)
        optimizer.step()
    for a, b in zip(net.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


@own_checks
def test_bad_arguments_are_named():
    matrix, vector = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
    not_a_matrix = (
        "params has a parameter of shape (2,), Muon needs matrices; "
        "give the others to AdamW, or use MuonWithAdamW(*split_for_muon(model))"
    )
    for call, text in [
        (lambda: optim.Muon([matrix, vector]), not_a_matrix),
        (lambda: optim.MuonWithAdamW([vector], []), not_a_matrix),
        (lambda: optim.MuonWithAdamW([], []), "matrices and others is empty; give at least one item"),
        (
            lambda: optim.Muon([matrix], momentum=1.0),
            "momentum=1.0 is out of range; give a float >= 0 and < 1",
        ),
        (lambda: optim.Muon([matrix], ns_steps=0), "ns_steps=0 is out of range; give an int >= 1 and <= 99"),
        (
            lambda: optim.Muon([matrix], adjust_lr_fn="orginal"),
            "adjust_lr_fn='orginal' is not known; did you mean 'original'? "
            "choose from None, original, match_rms_adamw",
        ),
        (
            lambda: optim.orthogonalize(torch.ones(3)),
            "matrix has shape (3,), 2 dimensions are needed; reshape it",
        ),
        (
            lambda: optim.split_for_muon(model(), heads=["haed"]),
            "heads='haed' is not known; did you mean 'head'? choose from embed, hidden, norm, head",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text
