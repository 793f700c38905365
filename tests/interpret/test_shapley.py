"""Shapley values obey the axioms, equal Captum's, and the kernel fit is exact where it can be."""

import itertools
import math

import pytest
import torch

from kit import interpret

captum = pytest.importorskip("captum.attr")
own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


def gloves(masks):
    """Player 0 owns a left glove, 1 and 2 a right one; a pair is worth 1."""
    return (masks[:, 0] & (masks[:, 1] | masks[:, 2])).double()


def test_the_glove_game_of_the_textbooks():
    torch.testing.assert_close(
        interpret.shapley_values(gloves, 3), torch.tensor([4, 1, 1], dtype=torch.float64) / 6
    )


def test_exact_values_are_the_mean_over_all_orders_and_obey_the_axioms(seeded):
    worth = torch.rand(2**5, 2, dtype=torch.float64, generator=seeded)
    powers = 2 ** torch.arange(5)

    def game(masks):
        return worth[(masks * powers).sum(1)]

    phi = interpret.shapley_values(game, 5)
    mean = torch.zeros(5, 2, dtype=torch.float64)
    for order in itertools.permutations(range(5)):
        mask = torch.zeros(5, dtype=torch.bool)
        for player in order:
            before = game(mask[None])[0]
            mask[player] = True
            mean[player] += (game(mask[None])[0] - before) / math.factorial(5)
    torch.testing.assert_close(phi, mean)
    torch.testing.assert_close(phi.sum(0), worth[-1] - worth[0])  # efficiency
    more = interpret.shapley_values(lambda m: game(m) + 3 * m[:, :1], 5)  # linearity, and a dummy's worth
    torch.testing.assert_close(more - phi, 3 * (torch.arange(5) == 0).double()[:, None].expand(5, 2))


@pytest.mark.parametrize("target", [1, torch.tensor([0, 1, 2, 0, 1, 2, 0])])
def test_model_values_equal_captum(mlp, rows, target):
    arguments = (rows, rows.roll(1, 0), target)
    exact = captum.ShapleyValues(mlp).attribute(*arguments)
    for method in (interpret.ShapleyValues, interpret.KernelShap):  # 62 coalitions: all of them
        made = method(mlp).attribute(*arguments)
        torch.testing.assert_close(
            made.values, exact, rtol=0, atol=1e-6, check_dtype=False
        )  # Captum works in float32
        assert made.delta.abs().max() < 1e-12
    torch.testing.assert_close(
        interpret.KernelShap(mlp).attribute(*arguments).values,
        interpret.ShapleyValues(mlp).attribute(*arguments).values,
    )


def test_sampling_equals_captum_for_the_same_orders(mlp, rows):
    ours = interpret.ShapleyValueSampling(mlp).attribute(
        rows, target=1, n_samples=6, generator=torch.Generator().manual_seed(3)
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        theirs = captum.ShapleyValueSampling(mlp).attribute(rows, target=1, n_samples=6)
    torch.testing.assert_close(ours.values, theirs, rtol=0, atol=1e-6, check_dtype=False)
    assert ours.delta.abs().max() < 1e-12


def test_groups_are_players_also_across_inputs(two_inputs, seeded):
    inputs = torch.randn(4, 5, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    mask = torch.tensor([[0, 0, 1, 1, 2]]), torch.tensor([[2, 3, 3]])
    made = [
        getattr(interpret, name)(two_inputs).attribute(inputs, target=1, feature_mask=mask)
        for name in ("ShapleyValues", "KernelShap")
    ]
    torch.testing.assert_close(made[0].values, made[1].values)
    assert torch.equal(made[0].values[0][:, 4], made[0].values[1][:, 0])
    firsts = [made[0].values[0][:, i] for i in (0, 2, 4)] + [made[0].values[1][:, 1]]
    gap = two_inputs(*inputs)[:, 1] - two_inputs(*(torch.zeros_like(x) for x in inputs))[:, 1]
    torch.testing.assert_close(sum(firsts), gap)
    assert made[0].delta.abs().max() < 1e-12


def test_kernel_samples_approach_the_exact_values_faster_than_orders(rows, seeded):
    x = torch.randn(3, 12, dtype=torch.float64, generator=seeded)
    weight = torch.randn(12, 12, dtype=torch.float64, generator=seeded)

    def forward(x):
        return torch.einsum("ni,ij,nj->n", x.tanh(), weight, x) + x.prod(1)

    exact = interpret.ShapleyValues(forward).attribute(x).values
    errors = {}
    for name, n in (("KernelShap", 390), ("ShapleyValueSampling", 30)):  # 390 evaluations each
        method = getattr(interpret, name)(forward)
        made = method.attribute(x, n_samples=n, generator=torch.Generator().manual_seed(0))
        errors[name] = float((made.values - exact).abs().mean())
        assert made.delta.abs().max() < 1e-9
    assert errors["KernelShap"] < 0.5 * errors["ShapleyValueSampling"]


def test_one_player_gets_everything():
    x = torch.tensor([[2.0], [3.0]])
    assert interpret.KernelShap(lambda x: x[:, 0] ** 2).attribute(x).values.tolist() == [[4], [9]]


def test_linear_shap_equals_the_exact_values_of_a_linear_score(rows, seeded):
    weight = torch.randn(3, 6, dtype=torch.float64, generator=seeded)
    background = rows.flip(0)[:4]
    made = interpret.linear_shap(weight, rows, background)
    exact = interpret.ShapleyValues(lambda x: x @ weight.T).attribute(
        rows, background.mean(0, keepdim=True), "all"
    )
    torch.testing.assert_close(made.values, exact.values)
    assert made.delta.abs().max() < 1e-12
    assert interpret.linear_shap(weight[0], rows, background).values.shape == rows.shape


@own_checks
def test_bad_arguments_are_named(mlp, rows):
    wide = torch.zeros(2, 17)
    for call, text in [
        (
            lambda: interpret.shapley_values(gloves, 17),
            "players=17 is out of range; give an int >= 1 and <= 16",
        ),
        (
            lambda: interpret.shapley_values(lambda masks: masks[:3].sum(1), 3),
            "value returns Tensor(3,) of torch.int64 for 8 coalitions; return one each",
        ),
        (
            lambda: interpret.ShapleyValues(lambda x: x.sum(1)).attribute(wide),
            "players=17 is out of range; give an int >= 1 and <= 16",
        ),
        (
            lambda: interpret.KernelShap(mlp).attribute(rows, target=0, n_samples=5),
            "n_samples=5 is out of range; give an int >= 12",
        ),
        (
            lambda: interpret.linear_shap(torch.ones(5), rows, rows),
            "weight has shape (5,), its last dimension must be 6; reshape it",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text


@pytest.mark.parametrize(("players", "n"), [(4, 8), (5, 10), (10, 20), (20, 60)])
def test_coalitions_that_do_not_determine_the_values_are_refused(players, n):
    weight = torch.arange(1.0, players + 1, dtype=torch.float64)
    x, refused = torch.ones(1, players, dtype=torch.float64), 0
    for seed in range(40):
        try:
            made = interpret.KernelShap(lambda x: x @ weight).attribute(
                x, n_samples=n, generator=torch.Generator().manual_seed(seed)
            )
        except ValueError as error:
            refused += 1
            assert str(error) == f"n_samples={n} coalitions do not determine {players} values; draw more"
        else:  # any that do give back a linear score exactly
            torch.testing.assert_close(made.values[0], weight, rtol=0, atol=1e-6)
    assert refused < 40
    assert (refused > 0) == (n == 2 * players)
