"""DP-SGD against Opacus, and the ways in which its guarantee could be lost."""

import math
import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, WeightedRandomSampler

from kit import layers, privacy
from kit.data import Batches
from kit.privacy import ghost
from kit.train import Checkpoints, Trainer, Update

LOSS = nn.CrossEntropyLoss()


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def data(n=64, seed=0):
    g = gen(seed)
    x = torch.randn(n, 1, 8, 8, generator=g)
    return x, (x.mean(dim=(1, 2, 3)) > 0).long()


def cnn():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)
    )


def mlp(dropout=0.0):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 2))


class Tokens(nn.Module):
    """Embedding, layer norm, attention of kit's own layers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.norm = layers.Embedding(11, 8), layers.LayerNorm(8)
        self.attend, self.head = nn.Linear(8, 24), layers.Linear(8, 2)

    def forward(self, tokens):
        q, k, v = self.attend(self.norm(self.embed(tokens))).chunk(3, dim=-1)
        return self.head(nn.functional.scaled_dot_product_attention(q, k, v).mean(dim=1))


def private(module=None, *, lr=0.1, loader=None, **options):
    module = mlp() if module is None else module
    optimizer = torch.optim.SGD(module.parameters(), lr=lr)
    loader = Batches(*data(), batch_size=16) if loader is None else loader
    options = {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "generator": gen()} | options
    return privacy.make_private(module=module, optimizer=optimizer, data_loader=loader, **options)


def opacus_gradients(module, x, y):
    from opacus import GradSampleModule

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = GradSampleModule(module)
        LOSS(wrapped(x), y).backward()
    return {name.removeprefix("_module."): p.grad_sample for name, p in wrapped.named_parameters()}


@pytest.mark.parametrize("build, x", [(cnn, data(16)[0]), (mlp, data(16)[0])])
def test_per_sample_gradients_equal_opacus(build, x):
    y = data(16)[1]
    ours = privacy.per_sample_gradients(build(), LOSS, x, y)
    theirs = opacus_gradients(build(), x, y)
    assert ours.keys() == theirs.keys()
    for name, gradient in ours.items():
        assert torch.allclose(gradient, theirs[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "build, x", [(cnn, data(5)[0]), (Tokens, torch.randint(11, (5, 7), generator=gen()))]
)
def test_per_sample_gradients_equal_one_backward_pass_each(build, x):
    model, y = build(), torch.tensor([0, 1, 1, 0, 1])
    ours = privacy.per_sample_gradients(model, LOSS, x, y)
    for i in range(5):
        model.zero_grad()
        LOSS(model(x[i : i + 1]), y[i : i + 1]).backward()
        for name, p in model.named_parameters():
            assert torch.allclose(ours[name][i], p.grad, rtol=1e-5, atol=1e-7)


def test_clipping_bounds_each_and_leaves_small_ones():
    gradients = {"a": torch.tensor([[3.0, 0.0], [0.1, 0.0]]), "b": torch.tensor([[4.0], [0.0]])}
    total, norms = privacy.clip_and_sum(gradients, 1.0)
    assert norms.tolist() == pytest.approx([5.0, 0.1])
    assert total["a"].tolist() == pytest.approx([0.6 + 0.1, 0.0], abs=1e-5)
    assert total["b"].tolist() == pytest.approx([0.8], abs=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("chunk", [1, 2**22])
@pytest.mark.parametrize("by_layer", [None, False])
def test_a_step_equals_opacus_without_noise(reduction, chunk, by_layer, monkeypatch):
    from opacus.optimizers import DPOptimizer

    monkeypatch.setattr(ghost, "CHUNK_NUMBERS", chunk)
    loss = nn.CrossEntropyLoss(reduction=reduction)
    model, optimizer, loader = private(cnn(), noise_multiplier=0, max_grad_norm=0.5, loss_reduction=reduction)
    x, y = next(iter(loader))
    model.by_layer = by_layer
    loss(model(x), y).backward()
    optimizer.step()
    assert model.by_layer is (by_layer is None)

    from opacus import GradSampleModule

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = GradSampleModule(cnn(), loss_reduction=reduction)
        sgd = DPOptimizer(
            torch.optim.SGD(theirs.parameters(), lr=0.1),
            noise_multiplier=0,
            max_grad_norm=0.5,
            expected_batch_size=16,
            loss_reduction=reduction,
        )
        loss(theirs(x), y).backward()
        sgd.step()
    for p, q in zip(model.parameters(), theirs.parameters()):
        assert torch.allclose(p, q, atol=1e-6)


def test_the_noise_has_the_stated_deviation():
    model, optimizer, loader = private(
        nn.Linear(400, 50),
        loader=Batches(torch.zeros(50, 400), torch.zeros(50).long(), batch_size=10),
        noise_multiplier=2.0,
        max_grad_norm=0.5,
    )
    x, _ = next(iter(loader))
    (model(x).sum(dim=1) * 0).mean().backward()
    optimizer.step()
    gradient = model.module.weight.grad
    assert gradient.std().item() == pytest.approx(2.0 * 0.5 / 10, rel=0.02)
    assert abs(gradient.mean().item()) < 4 * 0.1 / math.sqrt(20_000)


def test_forward_is_the_module_and_evaluation_costs_nothing():
    model, _, _ = private(cnn())
    x, _ = data(5)
    assert torch.allclose(model(x), model.module(x), atol=1e-6)
    assert torch.equal(model.eval()(x), model.module(x))
    assert model.spent(1e-5).epsilon == 0


def test_dropout_uses_the_same_mask_forward_and_backward():
    """With a linear loss the gradient of the last layer is the hidden activation it was multiplied by."""
    model, _, _ = private(mlp(dropout=0.5), max_grad_norm=1e6)
    x, _ = data(8)
    seen = []
    hook = model.module[4].register_forward_hook(lambda m, inputs, output: seen.append(inputs[0]))
    torch.manual_seed(3)
    output = model(x)
    hook.remove()
    output.sum(dim=1).mean().backward()
    total = model.clipped_sum["4.weight"][0]
    dropped = (model.module[1](x.flatten(1)).relu() > 0) & (total == 0)
    torch.manual_seed(3)
    again = model(x)
    assert torch.equal(again, output)
    w, b = model.module[4].weight, model.module[4].bias
    # sum over samples of the output's first entry = <sum of activations, w> + 8 b
    assert (output[:, 0].sum()).item() == pytest.approx((total @ w[0] + 8 * b[0]).item(), rel=1e-4)
    assert seen and dropped.shape == (8, 16)


def test_every_record_is_drawn_at_the_stated_rate():
    loader = privacy.PoissonBatches(Batches(torch.arange(200), batch_size=20), generator=gen())
    counts, sizes = torch.zeros(200), []
    for _ in range(60):
        for (rows,) in loader:
            counts[rows] += 1
            sizes.append(len(rows))
    draws = 60 * len(loader)
    assert loader.sample_rate == 0.1
    assert counts.mean().item() / draws == pytest.approx(0.1, abs=0.002)
    expected = math.sqrt(draws * 0.1 * 0.9)
    assert counts.std().item() == pytest.approx(expected, rel=0.2)
    sizes = torch.tensor(sizes, dtype=torch.float)
    assert sizes.std().item() == pytest.approx(math.sqrt(200 * 0.1 * 0.9), rel=0.1)


def test_loaders_of_torch_give_the_same_batches():
    x, y = data(40)
    kit_loader = privacy.PoissonBatches(Batches(x, y, batch_size=8), generator=gen())
    tensors = privacy.PoissonBatches(DataLoader(TensorDataset(x, y), batch_size=8), generator=gen())
    rows = privacy.PoissonBatches(DataLoader(list(zip(x, y)), batch_size=8, shuffle=True), generator=gen())
    for a, b, c in zip(kit_loader, tensors, rows):
        assert torch.equal(a[0], b[0]) and torch.equal(a[0], c[0]) and torch.equal(a[1], c[1])


def test_a_draw_of_nobody_is_a_step_of_noise():
    model, optimizer, loader = private(loader=Batches(*data(2), batch_size=1), noise_multiplier=1.0)
    seen = 0
    for _ in range(20):
        for x, y in loader:
            assert len(x) > 0
            optimizer.zero_grad()
            LOSS(model(x), y).backward()
            optimizer.step()
            seen += 1
    assert seen < 40
    assert model.accountant.history == [(1.0, 0.5, 40)]


def test_it_learns_in_a_plain_loop_and_keeps_the_account():
    x, y = data(512)
    model, optimizer, loader = private(loader=Batches(x, y, batch_size=64), lr=1.0, noise_multiplier=0.8)
    for _ in range(8):
        for a, b in loader:
            optimizer.zero_grad()
            LOSS(model(a), b).backward()
            optimizer.step()
    assert (model.eval()(x).argmax(1) == y).float().mean() > 0.85
    expected = privacy.RDPAccountant()
    expected.step(noise_multiplier=0.8, sample_rate=64 / 512, steps=64)
    assert model.spent(1e-5) == expected.spent(1e-5)


def test_the_account_equals_opacus_for_the_same_loop():
    from opacus import PrivacyEngine

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine, module = PrivacyEngine(accountant="rdp"), mlp()
        loader = DataLoader(TensorDataset(*data(64)), batch_size=16)
        sgd = torch.optim.SGD(module.parameters(), lr=0.1)
        module, sgd, loader = engine.make_private(
            module=module, optimizer=sgd, data_loader=loader, noise_multiplier=1.0, max_grad_norm=1.0
        )
        for x, y in loader:
            sgd.zero_grad()
            LOSS(module(x), y).backward()
            sgd.step()
    model, optimizer, ours = private()
    for x, y in ours:
        optimizer.zero_grad()
        LOSS(model(x), y).backward()
        optimizer.step()
    assert model.accountant.history == engine.accountant.history
    assert model.spent(1e-5).epsilon == pytest.approx(engine.get_epsilon(1e-5), rel=5e-3)


def test_it_trains_in_the_trainer_with_adam():
    module = mlp()
    parts = privacy.make_private(
        module=module,
        optimizer=torch.optim.Adam(module.parameters(), lr=0.02),
        data_loader=DataLoader(TensorDataset(*data(256)), batch_size=32),
        noise_multiplier=0.7,
        max_grad_norm=1.0,
        generator=gen(),
    )
    model, optimizer, loader = parts
    history = Trainer(model, LOSS, optimizer, device="cpu").fit(
        loader, epochs=5, validation=[data(256)], progress=False
    )
    assert history["validation_loss"][-1] < 0.5
    assert model.accountant.history == [(0.7, 0.125, 40)]


def test_a_resumed_run_goes_on_with_its_noise_and_its_account(tmp_path):
    def run(folder, epochs, resume=False):
        model, optimizer, loader = private()
        callbacks = [Checkpoints(folder)]
        Trainer(model, LOSS, optimizer, callbacks=callbacks).fit(
            loader, epochs=epochs, resume=resume, progress=False
        )
        return model

    straight = run(tmp_path / "a", 4)
    run(tmp_path / "b", 2)
    resumed = run(tmp_path / "b", 4, resume=True)
    for p, q in zip(straight.parameters(), resumed.parameters()):
        assert torch.equal(p, q)
    assert resumed.accountant.history == [(1.0, 0.25, 16)]


def test_the_same_seed_gives_the_same_run_and_none_a_new_one():
    def weights(generator):
        model, optimizer, loader = private(generator=generator)
        x, y = data(8)
        next(iter(loader))
        LOSS(model(x), y).backward()
        optimizer.step()
        return model.module[1].weight

    assert torch.equal(weights(gen(1)), weights(gen(1)))
    assert not torch.equal(weights(None), weights(None))


def test_what_else_is_in_grad_does_not_reach_the_weights():
    model, optimizer, loader = private(noise_multiplier=0)
    x, y = next(iter(loader))
    LOSS(model(x), y).backward()
    expected = {name: g / 16 for name, g in model.clipped_sum.items()}
    LOSS(model.module(x), y).backward()  # unclipped, past the private model
    optimizer.step()
    for name, p in model.module.named_parameters():
        assert torch.equal(p.grad, expected[name])


def test_frozen_parameters_stay():
    module = mlp()
    module[1].requires_grad_(False)
    before = module[1].weight.clone()
    model, optimizer, loader = private(module)
    x, y = next(iter(loader))
    LOSS(model(x), y).backward()
    optimizer.step()
    assert torch.equal(module[1].weight, before)
    assert model.clipped_sum == {} and set(model.norms.shape) == {len(x)}


def test_a_run_resumed_from_the_optimizer_alone_repeats_neither_noise_nor_draws():
    def steps(model, optimizer, loader, count):
        for _ in range(count):
            for x, y in loader:
                optimizer.zero_grad()
                LOSS(model(x), y).backward()
                optimizer.step()

    straight = private()
    steps(*straight, 4)
    half = private()
    steps(*half, 2)
    resumed = private(generator=gen(5))
    resumed[0].load_state_dict(half[0].state_dict())
    resumed[1].load_state_dict(half[1].state_dict())
    steps(*resumed, 2)
    assert resumed[0].accountant.history == straight[0].accountant.history
    for p, q in zip(straight[0].parameters(), resumed[0].parameters()):
        assert torch.equal(p, q)


def test_a_weight_frozen_after_the_backward_pass_is_not_moved_by_what_lies_in_its_gradient():
    model, optimizer, loader = private()
    x, y = next(iter(loader))
    LOSS(model(x), y).backward()
    LOSS(model.module(x), y).backward()  # unclipped, past the private model
    weight = model.module[1].weight.requires_grad_(False)
    before = weight.clone()
    optimizer.step()
    assert torch.equal(weight, before) and weight.grad is None


def step_twice():
    model, optimizer, loader = private()
    x, y = next(iter(loader))
    for _ in range(2):
        LOSS(model(x), y).backward()
        optimizer.step()


def accumulate():
    model, optimizer, loader = private()
    Trainer(model, LOSS, optimizer, update=Update(accumulate=2)).fit(loader, epochs=1, progress=False)


def skip_backward():
    model, optimizer, loader = private()
    x, y = next(iter(loader))
    LOSS(model.module(x), y).backward()
    optimizer.step()


def private_twice():
    model, optimizer, _ = private()
    options = {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "data_loader": Batches(*data(), batch_size=4)}
    privacy.make_private(module=model.module, optimizer=optimizer, **options)


def foreign_optimizer():
    options = {"noise_multiplier": 1.0, "max_grad_norm": 1.0, "data_loader": Batches(*data(), batch_size=4)}
    privacy.make_private(module=mlp(), optimizer=torch.optim.SGD(mlp().parameters(), lr=0.1), **options)


def sampler(kind):
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(zip(*data()))

    dataset = TensorDataset(*data(4))
    if kind == "stream":
        return DataLoader(Stream(), batch_size=4)
    if kind == "own batches":
        return DataLoader(dataset, batch_sampler=[[0, 1], [1, 2]])
    if kind == "list":
        return [data(4)]
    return DataLoader(dataset, batch_size=2, sampler=WeightedRandomSampler([1, 2, 3, 4], 4))


def backward_twice():
    model, _, _ = private()
    x, y = data(4)
    loss = LOSS(model(x), y)
    loss.backward(retain_graph=True)
    loss.backward()


def poison():
    model, _, _ = private()
    x, y = data(4)
    x[1] = math.inf
    LOSS(model(x), y).backward()


class Recurrent(nn.Module):
    """Embedding, recurrent layer, last output."""

    def __init__(self, layer):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.recur, self.head = nn.Embedding(9, 6), layer, nn.Linear(6, 2)

    def forward(self, tokens):
        return self.head(self.recur(self.embed(tokens))[0][:, -1])


def test_recurrent_layers_of_kit_train_by_their_formulas():
    module = Recurrent(layers.LSTM(6, 6, batch_first=True))
    tokens = torch.randint(9, (32, 5), generator=gen())
    loader = Batches(tokens, tokens[:, -1] // 5, batch_size=8)
    with layers.fused(False):
        model, optimizer, loader = private(module, loader=loader)
        for x, y in loader:
            LOSS(model(x), y).backward()
            optimizer.step()
    assert model.accountant.history == [(1.0, 0.25, 4)]


UNKNOWN = ", at an unknown rate; give Batches, or a DataLoader without an own sampler"


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: private(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))),
            "module.1=BatchNorm2d mixes the samples of a batch; replace it with GroupNorm(groups, 4)",
        ),
        (
            lambda: private(nn.BatchNorm1d(64)),
            "module=BatchNorm1d mixes the samples of a batch; replace it with GroupNorm(groups, 64)",
        ),
        (lambda: private()[0](), "inputs is empty; give at least one item"),
        (lambda: private()[0](data(4)[0][:0]), "inputs[0] is empty; give at least one item"),
        (
            lambda: private()[0](data(4)[0], torch.zeros(8, 8)),
            "len(inputs[0])=4, len(inputs[1])=8 differ; give one entry of each per sample",
        ),
        (
            backward_twice,
            "private backward passes=2 through one output, 1 is possible; call model again",
        ),
        (
            lambda: private(nn.Sequential(layers.BatchNorm1d(64))),
            "module.0=BatchNorm1d mixes the samples of a batch; replace it with GroupNorm(groups, 64)",
        ),
        (
            lambda: private(loader=sampler("weights")),
            "data_loader=DataLoader draws by WeightedRandomSampler" + UNKNOWN,
        ),
        (
            lambda: private(loader=sampler("stream")),
            "data_loader=DataLoader draws by _InfiniteConstantSampler" + UNKNOWN,
        ),
        (
            lambda: private(loader=sampler("own batches")),
            "data_loader=DataLoader draws by list" + UNKNOWN,
        ),
        (
            lambda: privacy.per_sample_gradients(mlp(), LOSS, data(2)[0][:0], data(2)[1][:0]),
            "targets is empty; give at least one item",
        ),
        (lambda: private(loader=sampler("list")), "data_loader=list draws by list" + UNKNOWN),
        (lambda: private(noise_multiplier=-1), "noise_multiplier=-1 is out of range; give a float >= 0"),
        (lambda: private(max_grad_norm=0), "max_grad_norm=0 is out of range; give a float > 0"),
        (
            lambda: private(loss_reduction="none"),
            "loss_reduction='none' is not known; choose from mean, sum",
        ),
        (private_twice, "optimizer is private already; build a new one from module.parameters()"),
        (
            foreign_optimizer,
            "optimizer holds parameters not of module; build it from module.parameters()",
        ),
        (
            lambda: private()[1].load_state_dict(torch.optim.SGD(mlp().parameters(), lr=0.1).state_dict()),
            "state_dict holds no privacy account; load one saved after make_private",
        ),
        (step_twice, "the batch is no fresh one; take one from the private loader for each step"),
        (accumulate, "private backward passes=2, 1 a step is needed; raise batch_size"),
        (skip_backward, "private backward passes=0, 1 a step is needed; raise batch_size"),
        (
            lambda: private()[0](torch.zeros(2, 64, requires_grad=True)),
            "inputs[0] needs a gradient, not clipped; make the whole model private",
        ),
        (
            lambda: privacy.per_sample_gradients(mlp(), LOSS, data(3)[0], data(2)[1]),
            "len(targets)=2, len(inputs[0])=3 differ; give one entry of each per sample",
        ),
        (
            lambda: private(Recurrent(nn.LSTM(6, 6, batch_first=True)))[0](torch.zeros(3, 5).long()),
            "module calls aten::lstm, not possible sample by sample; use kit.layers (LSTM, GRU) and train in "
            "`with kit.layers.fused(False):`",
        ),
        (lambda: privacy.clip_and_sum({}, 1.0), "gradients is empty; give at least one item"),
        (poison, "norms of per-sample gradients holds 1 NaN or infinite values of 4; remove or replace them"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message


def test_a_module_that_returns_more_than_a_tensor_is_refused():
    class Pair(nn.Linear):
        def forward(self, x):
            return x, x

    with pytest.raises(TypeError, match=r"^module returns a tuple; wrap it to return one tensor$"):
        private(Pair(64, 2))[0](torch.zeros(3, 64))
