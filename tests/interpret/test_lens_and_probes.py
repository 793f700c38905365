"""The logit lens ends where the model does; probes equal scikit-learn's and know their limits."""

import pytest
import torch
from torch import nn

from kit import interpret
from kit.models import GPT, GPTConfig, Llama, LlamaConfig

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
TOKENS = torch.tensor([[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]])


@pytest.mark.parametrize("kind", ["gpt", "llama"])
def test_the_last_layer_of_the_lens_is_the_model(seeded, kind):
    model = (
        GPT(GPTConfig(11, 8, 3, 2, 8), generator=seeded).eval()
        if kind == "gpt"
        else Llama(LlamaConfig(11, 8, 3, 4, 2, 8, 16), generator=seeded)
    )
    made = interpret.logit_lens(model, TOKENS)
    assert made.logits.shape == (3, 2, 5, 11)
    assert made.names[-1] == ("transformer.h.2" if kind == "gpt" else "model.layers.2")
    torch.testing.assert_close(made.logits[-1], model(TOKENS))
    last = interpret.logit_lens(model, TOKENS, positions=[-1])
    torch.testing.assert_close(last.logits[:, :, 0], made.logits[:, :, -1])
    assert made.top(2).shape == (3, 2, 5, 2)
    best = int(made.top()[1, 0, 3, 0])
    assert made.rank(best)[1, 0, 3] == 0
    assert made.rank(best).max() <= 10


class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(7, 4), nn.Linear(4, 7)
        self.stack, self.last = nn.ModuleList(nn.Linear(4, 4) for _ in range(2)), nn.LayerNorm(4)

    def forward(self, ids):
        x = self.embed(ids)
        for part in self.stack:
            x = x + part(x)
        return self.out(self.last(x))


def test_a_model_of_ones_own_names_its_parts(seeded):
    model, parts = Mine(), {"blocks": "stack", "norm": "last", "head": "out"}
    made = interpret.logit_lens(model, TOKENS, **parts)
    expected = model.out(model.last(model.stack[0](model.embed(TOKENS))))
    torch.testing.assert_close(made.logits[0], expected)
    with pytest.raises(ValueError) as error:
        interpret.logit_lens(model, TOKENS, blocks="stack")
    assert str(error.value) == "blocks, norm or head is unknown for this model; name all three of its modules"


@pytest.mark.parametrize("classes", [2, 4])
def test_the_probe_equals_ridge_classification(seeded, classes):
    linear_model = pytest.importorskip("sklearn.linear_model")
    X = torch.randn(80, 5, dtype=torch.float64, generator=seeded) + 2
    y = ((X - 2) @ torch.randn(5, classes, dtype=torch.float64, generator=seeded)).argmax(1) * 3
    ours, theirs = (
        interpret.LinearProbe(alpha=0.7).fit(X, y),
        linear_model.RidgeClassifier(alpha=0.7).fit(X, y),
    )
    rows = -1 if classes == 2 else slice(None)
    torch.testing.assert_close(ours.weight[rows], torch.from_numpy(theirs.coef_).squeeze(0))
    assert ours.predict(X).tolist() == theirs.predict(X).tolist()
    accuracy = ours.score(X, y)
    assert accuracy.estimate == pytest.approx(theirs.score(X.numpy(), y.numpy()))
    assert accuracy.estimate in accuracy


def test_selectivity_tells_a_written_property_from_memorized_words(seeded):
    types = torch.randint(60, (600,), generator=seeded)
    order = torch.randperm(600, generator=seeded)
    y = types % 2
    written = torch.cat([(2.0 * y - 1)[:, None], torch.randn(600, 7, generator=seeded)], 1)
    names = torch.nn.functional.one_hot(
        types
    ).float()  # every word its own direction: anything can be learned
    found = [interpret.selectivity(X, y, types, order[:400], generator=seeded) for X in (written, names)]
    assert found[0].task.estimate > 0.95
    assert found[0].selectivity > 0.2
    assert found[1].task.estimate > 0.95
    assert abs(found[1].selectivity) < 0.05


@own_checks
def test_bad_arguments_are_named():
    X, y = torch.randn(4, 2), torch.tensor([0, 1, 0, 1])
    for call, text in [
        (lambda: interpret.LinearProbe(0.0), "alpha=0.0 is out of range; give a float > 0"),
        (
            lambda: interpret.LinearProbe().fit(X, y[:3]),
            "len(X)=4, len(y)=3 differ; give one entry of each per sample",
        ),
        (
            lambda: interpret.LinearProbe().fit(X, y * 0),
            "the number of classes in y=1 is out of range; give an int >= 2",
        ),
        (
            lambda: interpret.selectivity(X, y, y, torch.arange(4)),
            "the rows outside train is empty; give at least one item",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text


@own_checks
def test_a_probe_takes_arrays(seeded):
    X, y = torch.randn(20, 3, generator=seeded), torch.arange(20) % 2
    a, b = interpret.LinearProbe().fit(X, y), interpret.LinearProbe().fit(X.numpy(), y.numpy())
    assert torch.equal(a.weight, b.weight)
    assert a.score(X, y) == b.score(X.numpy(), y.numpy())
