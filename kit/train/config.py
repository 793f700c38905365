"""A training run as a TOML file: what `kit train CONFIG` reads, checks and carries out.

    read_config  RunConfig  DataOptions  OptimizerOptions  LoopOptions  CONFIGS
    run_config

The same parts as in a lesson's cells (`kit.models`, `kit.data`, `Trainer`), outside a notebook,
on one process or, under torchrun, on several.
"""

import dataclasses
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from kit import check
from kit.train.batch import pick_device
from kit.train.callbacks import LearningRateSchedule, Tracker
from kit.train.checkpoint import Checkpoints
from kit.train.distributed import Rank, process_group, wrap
from kit.train.evaluate import accuracy
from kit.train.history import History
from kit.train.tracking import JSONLines
from kit.train.trainer import Trainer
from kit.train.update import Update

#: The configurations that come with kit, by name.
CONFIGS = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class DataOptions:
    """What is trained on; `name` is a data set of `kit data list`, `path` a text file.

    Args:
        kind: "text" or "images".
        name, path: one of the two; a file is text only.
        tokenizer: of texts: "characters", or "gpt2" (its 50,257 byte pairs).
        block: tokens in a block of text.
        validation: share of the text's end kept for validation.

    Raises:
        TypeError, ValueError: an unknown word, a share outside (0, 0.5], not exactly one source.

    Lesson: 09
    """

    kind: str = "text"
    name: str = ""
    path: str = ""
    tokenizer: str = "characters"
    block: int = 64
    validation: float = 0.1

    def __post_init__(self):
        check.one_of("data.kind", self.kind, ("text", "images"))
        check.one_of("data.tokenizer", self.tokenizer, ("characters", "gpt2"))
        check.integer("data.block", self.block, 1)
        check.number("data.validation", self.validation, above=0, high=0.5)
        if bool(self.name) == bool(self.path) or (self.path and self.kind == "images"):
            raise ValueError(
                f"data.name={self.name!r} and data.path={self.path!r}; give one of the two, "
                "and a path for text only"
            )


@dataclass(frozen=True)
class OptimizerOptions:
    """How weights move: "adamw" for all, or "muon" for matrices with AdamW for the rest.

    Args:
        name: "adamw" or "muon".
        lr: learning rate, of Muon's matrices with "muon".
        adamw_lr: with "muon", the rate of all other weights.
        betas: of AdamW.
        weight_decay: of AdamW with "adamw", of Muon with "muon".
        warm_up: updates in which the rate rises from 0.
        decay: whether the rate then falls to 0 in a straight line.

    Raises:
        TypeError, ValueError: an unknown name or a value out of range.

    Lesson: 09
    """

    name: str = "adamw"
    lr: float = 1e-3
    adamw_lr: float = 4e-3
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.0
    warm_up: int = 0
    decay: bool = True

    def __post_init__(self):
        check.one_of("optimizer.name", self.name, ("adamw", "muon"))
        for name in ("lr", "adamw_lr"):
            check.number(f"optimizer.{name}", getattr(self, name), above=0)
        check.integer("optimizer.warm_up", self.warm_up, 0)
        object.__setattr__(self, "betas", tuple(self.betas))

    def build(self, model: nn.Module) -> torch.optim.Optimizer:
        """The optimizer of a model's weights.

        Lesson: 09
        """
        from kit import optim

        if self.name == "adamw":
            return optim.AdamW(
                model.parameters(), lr=self.lr, betas=self.betas, weight_decay=self.weight_decay
            )
        matrices, others = optim.split_for_muon(model)
        options = {"lr": self.lr, "weight_decay": self.weight_decay}
        return optim.MuonWithAdamW(
            matrices, others, adamw_lr=self.adamw_lr, adamw_betas=self.betas, **options
        )

    def factor(self, step: int, steps: int) -> float:
        """What the rate is multiplied by at update `step` of `steps`.

        Lesson: 09
        """
        rising = min(1.0, (step + 1) / self.warm_up) if self.warm_up else 1.0
        left = (steps - step) / max(1, steps - self.warm_up)
        return rising * (max(0.0, min(1.0, left)) if self.decay else 1.0)


@dataclass(frozen=True)
class LoopOptions:
    """How long and in which way; a validation follows every `every` updates.

    Args:
        steps: updates of the weights (text).
        every: updates between two validations and checkpoints (text).
        epochs: passes over the pictures (images).
        batch_size: samples a batch, in each process.
        precision, accumulate, clip: as in `kit.train.Update`.
        compile: whether the model runs through torch.compile.

    Raises:
        TypeError, ValueError: a value out of range.

    Lesson: 09
    """

    steps: int = 2000
    every: int = 200
    epochs: int = 10
    batch_size: int = 12
    precision: str = "fp32"
    accumulate: int = 1
    clip: float | None = None
    compile: bool = False

    def __post_init__(self):
        for name in ("steps", "every", "epochs", "batch_size"):
            check.integer(f"train.{name}", getattr(self, name), 1)
        Update(self.precision, self.accumulate, self.clip)


@dataclass(frozen=True)
class RunConfig:
    """A whole run: data, model (its kind and the fields of its config), optimizer, loop.

    Lesson: 09
    """

    name: str
    data: DataOptions
    model: dict
    optimizer: OptimizerOptions = field(default_factory=OptimizerOptions)
    train: LoopOptions = field(default_factory=LoopOptions)
    seed: int = 0


def read_config(source: str | Path) -> RunConfig:
    """Read a TOML file, or the configuration of that name that comes with kit.

    Raises:
        FileNotFoundError: neither a file nor a name (the names are listed).
        TypeError, ValueError: not TOML, an unknown key or a value out of range.

    Lesson: 09
    """
    path = Path(source) if Path(source).exists() else CONFIGS / f"{source}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in CONFIGS.glob("*.toml")))
        raise FileNotFoundError(f"config={str(source)!r} is no file; give a TOML file or one of {known}")
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"config={path.name} is not TOML: {error}") from None
    for key in table:
        check.one_of(f"key of {path.name}", key, ("seed", "data", "model", "optimizer", "train"))
    for key in ("data", "model"):
        if key not in table:
            raise ValueError(f"config={path.name} has no [{key}]; say what is trained and on what")
    model = dict(table["model"])
    check.one_of("model.kind", model.get("kind"), _KINDS)
    return RunConfig(
        path.stem,
        _options(DataOptions, "data", table["data"]),
        model,
        _options(OptimizerOptions, "optimizer", table.get("optimizer", {})),
        _options(LoopOptions, "train", table.get("train", {})),
        table.get("seed", 0),
    )


def _options(kind, name: str, table: dict):
    for key in table:
        check.one_of(f"key of [{name}]", key, [option.name for option in dataclasses.fields(kind)])
    return kind(**table)


#: kind of model -> names of module, config and presets in kit.models, and the data it takes.
_KINDS = {
    "gpt": ("GPT", "GPTConfig", "GPT_PRESETS", "text"),
    "llama": ("Llama", "LlamaConfig", "LLAMA_PRESETS", "text"),
    "cnn": ("CNN", "CNNConfig", None, "images"),
    "resnet": ("ResNet", "ResNetConfig", None, "images"),
}


def build_model(options: dict, kind: str, sizes: dict) -> nn.Module:
    """The untrained model: what the data decide, a preset, and the file's own fields.

    Args:
        options: the table [model].
        kind: of the data, which must be what the model takes.
        sizes: fields that follow from the data (vocabulary and context, or classes and channels).

    Raises:
        ValueError: an unknown field or preset, or data of another kind.

    Lesson: 09
    """
    from kit import models

    module, config, presets, takes = _KINDS[options["kind"]]
    check.one_of("data.kind", kind, (takes,))
    config = getattr(models, config)
    given = {key: value for key, value in options.items() if key not in ("kind", "preset")}
    known = [option.name for option in dataclasses.fields(config)]
    for key in given:
        check.one_of("key of [model]", key, ["kind", "preset", *known])
    sizes = {name: value for name, value in sizes.items() if name in known}
    if "preset" in options:
        check.one_of("model.preset", options["preset"], getattr(models, presets) if presets else ())
        made = dataclasses.replace(getattr(models, presets)[options["preset"]], **sizes | given)
    else:
        made = config(**sizes | given)
    return getattr(models, module)(made)


def run_config(
    config: RunConfig, out: Path, *, resume: bool = False, device: str = "auto", progress: bool | None = None
) -> History:
    """Train; leave weights, log and checkpoints in `out`.

    Under torchrun every process calls it. `out` gets `model.safetensors`, `run.jsonl` (a line an
    evaluation) and `checkpoints/`.

    Raises:
        TypeError, ValueError: parts that do not fit together, a folder that holds another run.
        kit.data.DataError: data that are not on this machine.

    Lesson: 09
    """
    with process_group() as rank:
        target = (
            torch.device("cuda", rank.local) if device == "auto" and torch.cuda.is_available() else device
        )
        target = pick_device(target)
        torch.manual_seed(config.seed)
        batches, validation, sizes, loss, metrics = _data(config, rank, target)
        model = build_model(config.model, config.data.kind, sizes).to(target)
        optimizer = config.optimizer.build(model)
        epochs = math.ceil(config.train.steps / config.train.every) if config.data.kind == "text" else 0
        epochs = epochs or config.train.epochs
        updates = math.ceil(len(batches) / config.train.accumulate) * epochs
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: config.optimizer.factor(step, updates)
        )
        callbacks: list = [LearningRateSchedule(schedule, every="step")]
        if rank.first:
            log = JSONLines(out, "run")
            callbacks += [Tracker(log, config=dataclasses.asdict(config))]
        folder = out / "checkpoints" / (f"rank{rank.number}" if rank.world > 1 else "")
        callbacks += [Checkpoints(folder, every_epochs=1)]
        loop = config.train
        trainer = Trainer(
            wrap(model, rank),
            loss,
            optimizer,
            metrics=metrics,
            callbacks=callbacks,
            update=Update(loop.precision, loop.accumulate, loop.clip),
            compile=loop.compile,
        )
        shown = progress if rank.first else False
        history = trainer.fit(batches, epochs=epochs, validation=validation, resume=resume, progress=shown)
        if rank.first:
            from safetensors.torch import save_model

            save_model(model, str(out / "model.safetensors"))
    return history


def _data(config: RunConfig, rank: Rank, device: torch.device):
    """Training batches of this process, validation batches, sizes for the model, loss, metrics."""
    from kit import data, losses

    options, size = config.data, config.train.batch_size
    generator = torch.Generator().manual_seed(config.seed * 1009 + rank.number)
    if options.kind == "images":
        images = data.load(options.name)
        shape = images.pixels.shape[1:]
        sizes = {"classes": len(images.class_names), "channels": shape[0], "image": tuple(shape)}
        if config.model["kind"] == "cnn":
            sizes.pop("channels")  # there it means the widths
        mine = images.train[rank.number :: rank.world]
        batches = data.Batches(
            *images.part(mine), batch_size=size, shuffle=True, generator=generator, device=device
        )
        validation = data.Batches(*images.part(images.test), batch_size=500, device=device)
        return batches, validation, sizes, losses.CrossEntropyLoss(), {"accuracy": accuracy}
    text = Path(options.path).read_text("utf-8") if options.path else data.load(options.name).text
    if options.tokenizer == "gpt2":
        files = [data.path("gpt2_vocabulary", name) for name in ("encoder.json", "vocab.bpe")]
        tokenizer = data.BytePairTokenizer.from_files(*files)
    else:
        tokenizer = data.CharTokenizer.from_text(text)
    ids = torch.tensor(tokenizer.encode(text), dtype=torch.int32)
    cut = int(len(ids) * (1 - options.validation))
    batches = data.TokenBlocks(
        ids[:cut],
        options.block,
        batch_size=size,
        steps=config.train.every * config.train.accumulate,
        generator=generator,
        device=device,
    )
    x, y = (part.long() for part in data.in_order(ids[cut:], options.block))
    validation = data.Batches(x, y, batch_size=max(1, 2**14 // options.block), device=device)
    sizes = {"vocabulary": len(tokenizer), "context": options.block}
    return batches, validation, sizes, losses.sequence_cross_entropy, {}
