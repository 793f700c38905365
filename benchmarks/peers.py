"""The other training frameworks, each as light as it can be made: no bar, no log, no checkpoint.

Every function prepares a run of a workload (same tensors, loader, optimizer)
and returns the function that is timed. Only the training call is timed.
"""

import contextlib
import io
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial

from benchmarks.workloads import Workload


def by_hand(work: Workload, batches=None, **options) -> Callable[[], object]:
    """The textbook's loop and nothing else: no metrics, no history, no bar."""
    model = work.model()
    optimizer = work.optimizer(model, **options)
    batches = work.loader() if batches is None else batches

    def run():
        model.train()
        for _ in range(work.epochs):
            for inputs, targets in batches:
                optimizer.zero_grad()
                loss = work.loss(model(inputs), targets)
                loss.backward()
                optimizer.step()

    return run


def accelerate(work: Workload) -> Callable[[], object]:
    """Hugging Face Accelerate: the loop is the user's, the parts are prepared."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model = work.model()
    model, optimizer, loader = accelerator.prepare(model, work.optimizer(model), work.loader())

    def run():
        model.train()
        for _ in range(work.epochs):
            for inputs, targets in loader:
                optimizer.zero_grad()
                loss = work.loss(model(inputs), targets)
                accelerator.backward(loss)
                optimizer.step()

    return run


def ignite(work: Workload) -> Callable[[], object]:
    """PyTorch-Ignite's supervised trainer."""
    from ignite.engine import create_supervised_trainer

    model, loader = work.model(), work.loader()
    trainer = create_supervised_trainer(model, work.optimizer(model), work.loss)
    return lambda: trainer.run(loader, max_epochs=work.epochs)


def skorch(work: Workload) -> Callable[[], object]:
    """skorch's NeuralNet without validation split and printing."""
    from skorch import NeuralNet
    from torch.optim import AdamW
    from torch.utils.data import TensorDataset

    net = NeuralNet(
        work.build,
        work.loss,
        optimizer=AdamW,
        lr=1e-3,
        batch_size=work.batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    ).initialize()
    data = TensorDataset(work.inputs, work.targets)
    return lambda: net.partial_fit(data, y=None, epochs=work.epochs)


def fastai(work: Workload) -> Callable[[], object]:
    """fastai's Learner around the same PyTorch optimizer, without bar and log."""
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper
    from torch.optim import AdamW

    learner = Learner(
        DataLoaders(work.loader(), []),
        work.model(),
        loss_func=work.loss,
        opt_func=partial(OptimWrapper, opt=AdamW),
        lr=1e-3,
    )

    def run():
        with learner.no_logging():
            learner.fit(work.epochs)

    return run


def transformers(work: Workload) -> Callable[[], object]:
    """Hugging Face Trainer with everything that can be switched off switched off."""
    _import_torchvision()
    from transformers import Trainer, TrainingArguments

    class Plain(Trainer):
        def compute_loss(self, model, inputs, *rest, **options):
            return work.loss(model(inputs[0]), inputs[1])

        def get_train_dataloader(self):
            return self.accelerator.prepare(work.loader())

    model = work.model()
    arguments = TrainingArguments(
        output_dir=tempfile.gettempdir(),
        use_cpu=True,
        num_train_epochs=work.epochs,
        per_device_train_batch_size=work.batch_size,
        max_grad_norm=0.0,
        lr_scheduler_type="constant",
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    data = list(zip(work.inputs, work.targets))
    trainer = Plain(model, arguments, train_dataset=data, optimizers=(work.optimizer(model), None))

    def run():
        with contextlib.redirect_stdout(io.StringIO()):
            trainer.train()

    return run


def lightning(work: Workload) -> Callable[[], object]:
    """Lightning without logger, bar, checkpoint and summary."""
    _import_torchvision()
    from lightning.pytorch import LightningModule, Trainer

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.model = work.model()

        def training_step(self, batch, index):
            inputs, targets = batch
            return work.loss(self.model(inputs), targets)

        def configure_optimizers(self):
            return work.optimizer(self.model)

    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=work.epochs,
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    module, loader = Module(), work.loader()

    def run():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer.fit(module, loader)

    return run


def _import_torchvision() -> None:
    """Import torchvision where its wheel, built for CUDA, stands beside a torch for the CPU.

    Some frameworks import it unasked and fail with "operator torchvision::nms
    does not exist"; declaring the operator is enough for them.
    """
    try:
        import torchvision
    except ImportError:
        return
    except RuntimeError:
        import torch

        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        _LIBRARY.append(torch.library.Library("torchvision", "DEF"))
        for operator in ("nms", "qnms"):
            with contextlib.suppress(RuntimeError):  # declared by someone before
                _LIBRARY[0].define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision  # noqa: F401


_LIBRARY: list = []  # a declaration lives as long as its library object


#: Package to install: how to run it.
PEERS = {
    "accelerate": accelerate,
    "pytorch-ignite": ignite,
    "skorch": skorch,
    "fastai": fastai,
    "transformers": transformers,
    "lightning": lightning,
}
