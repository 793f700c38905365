"""The README's Python runs as it stands, block after block, and prints what its comments promise."""

import re
from pathlib import Path

import pytest
import torch

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def names() -> dict:
    """What is left after all blocks ran in one namespace, as a reader types them."""
    space: dict = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for number, block in enumerate(BLOCKS, 1):
            exec(compile(block, f"README.md, block {number}", "exec"), space)
    return space


def test_the_readme_has_a_block_for_training_and_one_for_trust():
    assert len(BLOCKS) == 2


def test_the_model_of_the_readme_learns(names):
    assert (names["answers"] == names["y"]).float().mean() > 0.9


def test_both_groups_have_a_rate_and_an_interval(names):
    frame = names["frame"]
    intervals = frame.interval()["accuracy"]
    for group in ("thick", "thin"):
        assert intervals[group].low < frame.by_group["accuracy"][group] < intervals[group].high


def test_the_attributions_of_the_readme_are_complete(names):
    assert names["why"].values.shape == (4, 64)
    assert names["why"].delta.abs().max() < 1e-4


def test_the_private_loop_of_the_readme_spends_an_epsilon(names):
    assert 0 < names["private"].spent(delta=1e-5).epsilon < 10
