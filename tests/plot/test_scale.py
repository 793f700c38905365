"""Figures of lesson 01 show the sizes, ranges and predictions they are given."""

import math

import numpy as np
import pytest

from kit import planning
from kit.plot.scale import (
    DEFINITIONS,
    EVENTS,
    budget,
    by_part,
    labels_needed,
    parts,
    scaling,
    timeline,
    verdicts,
)


def test_each_definition_starts_and_ends_where_its_article_says():
    def agreeing(size):
        return {name[:10] for name, yes in verdicts(size).items() if yes}

    assert agreeing(999_999) == set()
    assert agreeing(25_557_032) == {"000 §1.1", "002 §1.1.1", "002 §1.1.3"}
    assert agreeing(335_141_888) == {"000 §1.1", "001 §1.1.2", "002 §1.1.1", "002 §1.1.3"}
    assert agreeing(174_604_259_328) == {"000 §1.1", "001 §1.1.2", "002 §1.1.3", "004 §2"}


def test_only_0_3_4_or_5_definitions_ever_agree():
    counts = {sum(verdicts(size).values()) for size in np.geomspace(1, 1e14, 2000)}
    assert counts == {0, 3, 4, 5}


def test_sizes_of_the_timeline_are_those_of_the_configurations():
    size = {event.name: event.parameters for event in EVENTS}
    assert size["BERT-large"] == planning.architecture("bert-large").parameters
    assert size["GPT-1"] == planning.architecture("gpt-1").parameters
    assert size["GPT-2 XL"] == planning.architecture("gpt-2-xl").parameters
    assert size["GPT-3"] == planning.architecture("gpt-3").parameters
    assert size["SmolLM2-135M"] == planning.architecture("smollm2-135m").parameters
    assert size["AlexNet"] == planning.PUBLISHED_SIZES["alexnet"][0]
    assert size["ResNet-50"] == planning.PUBLISHED_SIZES["resnet-50"][0]


def test_timeline_marks_the_two_wrong_years_and_puts_the_models_right():
    figure, alt = timeline()
    ax = figure.axes[0]
    crosses = sorted(float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "x")
    assert crosses == [2006, 2020]
    assert "AlexNet from 2006 to 2012 and BERT-large from 2020 to 2018" in alt
    assert ax.get_xlabel() == "year" and ax.get_ylabel() == "parameters" and ax.get_yscale() == "log"
    points = {(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in ax.lines}
    assert {(event.year, event.parameters) for event in EVENTS if event.parameters} <= points


def test_parts_are_shares_that_add_up_to_one():
    names = ("bert-base", "llama-2-7b")
    figure, alt = parts({name: planning.architecture(name).count() for name in names})
    bars = figure.axes[0].patches  # one row of bars per component
    widths = np.array([bar.get_width() for bar in bars]).reshape(4, 2)
    np.testing.assert_allclose(widths.sum(0), 1)
    np.testing.assert_allclose(widths[0, 0], (30_522 + 512 + 2) * 768 / 109_482_240)
    assert figure.axes[0].get_xlabel() == "share of all parameters"
    assert "bert-base 22%, llama-2-7b 4%" in alt


def test_tensors_of_a_file_are_counted_under_the_names_of_the_formula():
    roles = {"token_embd": 1, "attn_q": 2, "attn_output": 4, "ffn_up": 8, "ffn_down": 16, "attn_norm": 32}
    assert by_part(roles | {"output_norm": 64, "rope_freqs": 128}) == {
        "token embedding": 1,
        "attention": 6,
        "feed-forward": 24,
        "norms": 32,
        "final norm": 64,
        "rope_freqs": 128,
    }


def test_budget_says_size_work_and_memory_of_the_model():
    shape = planning.Architecture(layers=12, width=768, heads=12, vocabulary=30_000)
    figure, alt = budget(12, 768, 30_000, 1e10)
    days = 6 * shape.parameters * 1e10 / (312e12 * 0.4 * 86_400)
    assert f"{shape.parameters / 1e6:.3g} million parameters" in alt
    assert f"= {days:,.3g} GPU-days" in alt
    assert f"{shape.parameters * 16 / 1e9:.3g} GB of training state" in alt
    assert "4 of 5 definitions call it large: 000 §1.1, 001 §1.1.2, 002 §1.1.1, 002 §1.1.3." in alt
    left, right = figure.axes
    assert left.get_title() == "4 of 5 definitions say large" and left.get_xlabel() == "parameters"
    assert left.lines[0].get_xdata()[0] == shape.parameters
    assert math.isclose(sum(bar.get_height() for bar in right.patches), 1)


def test_the_tasks_of_the_widget_can_be_solved():
    shown = {
        "all five within 30 days": budget(20, 2048, 3e4, 10**10.4),
        "three, mostly words": budget(1, 64, 3e5, 1e8),
        "another four": budget(96, 12_288, 3e4, 1e10),
    }
    _, alt = shown["all five within 30 days"]
    assert "5 of 5" in alt
    size = planning.Architecture(layers=20, width=2048, heads=32, vocabulary=30_000).parameters
    assert 10**10.4 / size >= 20 and 6 * size * 10**10.4 / (312e12 * 0.4 * 86_400) < 30
    figure, alt = shown["three, mostly words"]
    assert "3 of 5" in alt and figure.axes[1].patches[0].get_height() > 0.8
    assert (
        "4 of 5 definitions call it large: 000 §1.1, 001 §1.1.2, 002 §1.1.3, 004 §2."
        in shown["another four"][1]
    )


@pytest.mark.parametrize("layers", [1, 96])
@pytest.mark.parametrize("width", [1, 64, 12_288])
@pytest.mark.parametrize(("vocabulary", "tokens"), [(1e3, 1e8), (3e5, 1e13)])
def test_extreme_models_draw(layers, width, vocabulary, tokens):
    figure, alt = budget(layers, width, vocabulary, tokens)
    figure.canvas.draw()
    assert "nan" not in alt and "inf" not in alt
    assert len(figure.axes[0].patches) == len(DEFINITIONS)


def test_scaling_draws_seeds_laws_and_the_held_out_size():
    sizes, losses = [100, 1000], [[1.0, 0.1], [4.0, 0.4]]
    figure, alt = scaling(sizes, losses, {"law": lambda n: 200 / np.asarray(n)}, 10_000, [0.02, 0.02])
    ax = figure.axes[0]
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_allclose(lines["mean of the seeds"].get_ydata(), [2.0, 0.2])  # geometric
    assert lines["held out"].get_xdata()[0] == 10_000
    assert lines["law"].get_xdata()[-1] == pytest.approx(10_000)
    assert ax.get_xlabel() == "parameters" and ax.get_ylabel() == "test loss (nats)"
    assert "10,000 parameters 0.020 was measured, law predicts 0.020" in alt


def test_labels_needed_says_where_the_learner_passes_the_rules():
    figure, alt = labels_needed([10, 100, 1000], [[0.5, 0.6], [0.7, 0.8], [0.9]], 0.7, 0.5)
    ax = figure.axes[0]
    line = next(line for line in ax.lines if str(line.get_label()).startswith("learned"))
    np.testing.assert_allclose(line.get_ydata(), [0.55, 0.75, 0.9])
    assert "the learner passes them from 100 labels on" in alt
    assert ax.get_xlabel() == "labelled reviews for training"
    assert ax.get_ylabel() == "test accuracy (share right)"
    _, alt = labels_needed([10], [[0.5]], 0.7, 0.5)
    assert "the learner never passes them" in alt
