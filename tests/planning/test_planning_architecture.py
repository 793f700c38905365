"""Counts against published numbers and against real modules; work and memory by hand."""

import pytest
import torch

from kit import planning
from kit.planning import Architecture, architecture


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("gpt-1", 116_534_784),
        ("bert-base", 109_482_240),
        ("bert-large", 335_141_888),
        ("gpt-2", 124_439_808),
        ("gpt-2-medium", 354_823_168),
        ("gpt-2-large", 774_030_080),
        ("gpt-2-xl", 1_557_611_200),
        ("gpt-3", 174_604_259_328),
        ("llama-2-7b", 6_738_415_616),
        ("smollm2-135m", 134_515_008),
    ],
)
def test_counts_equal_the_published_ones(name, published):
    assert architecture(name).parameters == published
    assert sum(architecture(name).count().values()) == published


def test_every_preset_is_tested_above():
    assert len(planning.ARCHITECTURES) == 10


@pytest.mark.parametrize(("layers", "width", "heads", "ffn_width"), [(1, 8, 2, 32), (3, 12, 4, 20)])
def test_one_layer_counts_like_torch(layers, width, heads, ffn_width):
    shape = Architecture(
        layers=layers, width=width, heads=heads, vocabulary=11, ffn_width=ffn_width, positions=5
    )
    layer = torch.nn.TransformerEncoderLayer(width, heads, ffn_width)
    module = torch.nn.ModuleList(
        [torch.nn.Embedding(11, width), torch.nn.Embedding(5, width), torch.nn.LayerNorm(width)]
        + [layer] * layers  # parameters() would count a shared layer once
    )
    expected = sum(p.numel() for p in module.parameters()) + (layers - 1) * sum(
        p.numel() for p in layer.parameters()
    )
    assert shape.parameters == expected


def test_components_of_bert_base():
    assert architecture("bert-base").count() == {
        "token embedding": 23_440_896,
        "position embedding": 393_216,
        "token type embedding": 1_536,
        "embedding norm": 1_536,
        "attention": 28_348_416,
        "feed-forward": 56_669_184,
        "norms": 36_864,
        "pooler": 590_592,
    }


def test_untying_adds_exactly_one_embedding():
    tied = Architecture(layers=2, width=8, heads=2, vocabulary=100)
    untied = Architecture(layers=2, width=8, heads=2, vocabulary=100, tied=False)
    assert untied.parameters - tied.parameters == 800
    assert untied.non_embedding_parameters - tied.non_embedding_parameters == 800


def test_training_gpt_3_takes_three_times_ten_to_the_23():
    flops = planning.training_flops(architecture("gpt-3").parameters, 300e9)
    assert flops == pytest.approx(3.14e23, rel=0.002)
    days = planning.gpu_days(flops, flops_per_second=312e12, utilization=0.4)
    assert days == pytest.approx(29_148, rel=0.01)  # 80 years of one A100
    assert planning.cost(days, price_per_hour=2) == pytest.approx(days * 48)
    kwh = planning.energy_kwh(days, watts=400, overhead=1.1)
    assert kwh == pytest.approx(days * 24 * 0.44)
    assert planning.emissions_kg(kwh, grams_per_kwh=500) == pytest.approx(kwh / 2)


def test_adam_keeps_sixteen_bytes_per_parameter():
    parameters = architecture("bert-large").parameters
    assert planning.training_bytes(parameters) / 1e9 == pytest.approx(5.36, abs=0.005)
    assert planning.training_bytes(10, optimizer="sgd", precision="fp32") == 80
    assert planning.weight_bytes(10, "q4") == 5


def test_forward_flops_of_a_layer_counted_by_hand():
    shape = Architecture(layers=1, width=4, heads=2, vocabulary=10)
    # q, k, v, out: 4 * 16; feed-forward: 2 * 4 * 16; head: 40 -> 232 products; scores and mix: 4 * 3 * 4
    assert shape.forward_flops(1, context=3) == 2 * 232 + 48
    assert shape.forward_flops(3) == 3 * (2 * 232 + 48)
    assert (
        Architecture(layers=1, width=4, heads=2, vocabulary=10, gated=True).forward_flops(1) == 2 * 296 + 16
    )


def test_two_flops_per_weight_is_close_for_a_real_model():
    shape = architecture("gpt-2-xl")
    assert shape.forward_flops(1, context=1) == pytest.approx(2 * shape.parameters, rel=0.005)


def test_grouped_queries_shrink_the_cache():
    smol = architecture("smollm2-135m")
    assert smol.kv_cache_bytes(context=2048) == 2 * 30 * 3 * 64 * 2048 * 2
    assert architecture("gpt-3").kv_cache_bytes(context=2048, batch=2) == pytest.approx(19.3e9, rel=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: architecture("bert-bas"),
            "name='bert-bas' is not known; did you mean 'bert-base'? choose from "
            "gpt-1, bert-base, bert-large, gpt-2, gpt-2-medium, gpt-2-large, gpt-2-xl, gpt-3, "
            "llama-2-7b, smollm2-135m",
        ),
        (
            lambda: Architecture(layers=1, width=10, heads=4, vocabulary=5),
            "heads=4 does not divide width=10; choose heads from 1, 2, 5, 10",
        ),
        (
            lambda: Architecture(layers=1, width=12, heads=6, kv_heads=4, vocabulary=5),
            "kv_heads=4 does not divide heads=6; choose kv_heads from 1, 2, 3, 6",
        ),
        (
            lambda: Architecture(layers=0, width=12, heads=6, vocabulary=5),
            "layers=0 is out of range; give an int >= 1",
        ),
        (
            lambda: Architecture(layers=1, width=12, heads=6, vocabulary=5, norm="batch"),
            "norm='batch' is not known; choose from layer, rms",
        ),
        (
            lambda: planning.training_bytes(1, optimizer="sgd", precision="int8"),
            "precision='int8' is not known; choose from mixed, fp32",
        ),
        (
            lambda: planning.gpu_days(1e20, flops_per_second=1e12, utilization=40),
            "utilization=40 is out of range; give a float > 0 and <= 1",
        ),
        (
            lambda: planning.energy_kwh(1, watts=300, overhead=0.9),
            "overhead=0.9 is out of range; give a float >= 1",
        ),
        (lambda: planning.training_flops(-1, 5), "parameters=-1 is out of range; give a float >= 0"),
    ],
)
def test_mistakes_are_named_with_a_way_out(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message


def test_planning_loads_no_torch():
    import subprocess
    import sys

    code = "import sys, kit.planning; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
