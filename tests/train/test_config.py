"""A run from a TOML file: checked before it starts, resumed exactly, the same on two processes."""

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from kit.train.config import CONFIGS, build_model, read_config, run_config

TINY = """
seed = 3
[data]
path = "{text}"
block = 8
[model]
kind = "{kind}"
layers = 1
heads = 2
width = 8
{more}
[optimizer]
name = "{rule}"
lr = 0.01
warm_up = 2
[train]
steps = 12
every = 4
batch_size = 3
"""


@pytest.fixture
def write(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog. " * 20)

    def write(kind="gpt", rule="adamw", more="", tail="", name="tiny"):
        path = tmp_path / f"{name}.toml"
        path.write_text(TINY.format(text=text, kind=kind, rule=rule, more=more) + tail)
        return path

    return write


def weights(folder):
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("kind", "rule", "more"), [("gpt", "adamw", ""), ("llama", "muon", "kv_heads = 1\nhidden = 12")]
)
def test_a_run_trains_logs_and_saves(write, tmp_path, kind, rule, more):
    history = run_config(read_config(write(kind, rule, more)), tmp_path / "out", device="cpu", progress=False)
    assert len(history.steps) == 12 and len(history.epochs) == 3
    assert history.epochs[-1]["validation_loss"] < history.epochs[0]["loss"] + 0.1
    lines = [json.loads(line) for line in (tmp_path / "out" / "run.jsonl").read_text().splitlines()]
    assert lines[0]["config"]["model"]["kind"] == kind
    assert sum("validation_loss" in line for line in lines) == 3
    assert weights(tmp_path / "out")


def test_a_resumed_run_ends_with_the_same_bits(write, tmp_path):
    whole = read_config(write())
    run_config(whole, tmp_path / "whole", device="cpu", progress=False)

    class Stop(Exception):
        pass

    import kit.train.config as room

    original = room.Checkpoints

    class StopsAfterTwo(original):
        def on_epoch_end(self, trainer):
            super().on_epoch_end(trainer)
            if len(trainer.history.epochs) == 2:
                raise Stop

    room.Checkpoints = StopsAfterTwo
    try:
        with pytest.raises(Stop):
            run_config(whole, tmp_path / "cut", device="cpu", progress=False)
    finally:
        room.Checkpoints = original
    history = run_config(whole, tmp_path / "cut", resume=True, device="cpu", progress=False)
    assert len(history.steps) == 12
    expected = weights(tmp_path / "whole")
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(tmp_path / "cut").items())


def test_two_processes_end_with_one_model(write, tmp_path):
    program = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    program += ["-m", "kit", "train", str(write()), "--out", str(tmp_path / "out"), "--device", "cpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "KIT_HOME": str(tmp_path / "home")}
    done = subprocess.run(program, capture_output=True, text=True, timeout=180, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("weights: ") == 1
    states = [
        torch.load(tmp_path / "out" / "checkpoints" / f"rank{i}" / "checkpoint.pt", weights_only=False)
        for i in range(2)
    ]
    first, second = (state["model"] for state in states)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert states[0]["history"] != states[1]["history"]  # each saw batches of its own


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_configuration_that_comes_with_kit_builds(path):
    config = read_config(path.stem)
    sizes = {"vocabulary": 50_257, "context": config.data.block}
    sizes = sizes if config.data.kind == "text" else {"classes": 10, "channels": 1}
    with torch.device("meta"):
        model = build_model(config.model, config.data.kind, sizes)
    assert sum(p.numel() for p in model.parameters()) > 100_000


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (("block = 8", "blok = 8"), ValueError, "key of [data]='blok' is not known; did you mean 'block'?"),
        (("heads = 2", "hats = 2"), ValueError, "key of [model]='hats' is not known; did you mean 'heads'?"),
        (
            ("heads = 2", "heads = 3"),
            ValueError,
            "heads=3 does not divide width=8; choose heads from 1, 2, 4, 8",
        ),
        (('kind = "gpt"', 'kind = "gtp"'), ValueError, "model.kind='gtp' is not known; did you mean 'gpt'?"),
        (('kind = "gpt"', 'kind = "gpt"\npreset = "gpt3"'), ValueError, "model.preset='gpt3' is not known;"),
        (('kind = "gpt"', 'kind = "cnn"'), ValueError, "data.kind='text' is not known; choose from images"),
        (('name = "adamw"', 'name = "adam"'), ValueError, "optimizer.name='adam' is not known; did you mean"),
        (("steps = 12", "steps = 0"), ValueError, "train.steps=0 is out of range; give an int >= 1"),
        (("[train]", "[trian]"), ValueError, "key of tiny.toml='trian' is not known; did you mean 'train'?"),
        (("seed = 3", "seed ="), ValueError, "config=tiny.toml is not TOML:"),
        (("block = 8", 'block = 8\nname = "x"'), ValueError, "data.name='x' and data.path='"),
    ],
)
def test_a_wrong_file_is_told_before_anything_runs(write, tmp_path, change, kind, message):
    path = write()
    assert change[0] in path.read_text()
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(kind) as error:
        run_config(read_config(path), tmp_path / "out", device="cpu", progress=False)
    assert str(error.value).startswith(message)
    assert not (tmp_path / "out").exists()


def test_an_absent_file_lists_what_there_is():
    with pytest.raises(FileNotFoundError) as error:
        read_config("gpt_shakespare")
    assert str(error.value) == (
        "config='gpt_shakespare' is no file; give a TOML file or one of gpt2_124m, gpt_shakespeare, "
        "resnet_fashion"
    )


def test_rates_rise_and_fall():
    options = read_config("gpt_shakespeare").optimizer
    assert options.factor(0, 2000) == pytest.approx(0.01)
    assert options.factor(99, 2000) == 1
    assert options.factor(1050, 2000) == pytest.approx(0.5)
    assert options.factor(2000, 2000) == 0
