"""The fused switch: default, nesting, locality, and behaviour under compilation."""

import asyncio
import threading

import pytest
import torch

from kit import layers
from kit.layers import fused

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


def test_kernels_run_by_default():
    assert fused() is True


def test_blocks_nest_and_restore_after_an_error():
    with fused(False):
        assert fused() is False
        with pytest.raises(RuntimeError), fused(True):
            assert fused() is True
            raise RuntimeError
        assert fused() is False
    assert fused() is True


def test_a_thread_keeps_its_own_setting():
    seen = []
    with fused(False):
        thread = threading.Thread(target=lambda: seen.append(fused()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_tasks_do_not_disturb_each_other():
    async def task(on):
        with fused(on):
            await asyncio.sleep(0)
            return fused()

    async def both():
        return await asyncio.gather(task(False), task(True))

    assert asyncio.run(both()) == [False, True]


def test_the_formula_really_runs():
    x = torch.ones(2, requires_grad=True)
    with fused(False):
        assert "Where" in type(layers.relu(x).grad_fn).__name__
    assert "Relu" in type(layers.relu(x).grad_fn).__name__


@own_checks
def test_a_model_of_kit_layers_compiles_without_a_break():
    model = torch.nn.Sequential(layers.Linear(3, 4), layers.LayerNorm(4), layers.GELU(), layers.Linear(4, 2))
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), model(x))


@own_checks
def test_the_switch_wants_a_truth_value():
    with pytest.raises(TypeError) as error:
        fused("no")
    assert str(error.value) == "on='no' is not a truth value; write fused(True), fused(False) or fused()"
