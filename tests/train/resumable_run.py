"""A small run with everything random in it, for tests that kill it: FOLDER END EPOCHS [UPDATE MOMENT]."""

import os
import random
import signal
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from kit.train import Checkpoints, EarlyStop, LearningRateSchedule, Trainer, Update, accuracy


class Noise:
    """A data set that draws from Python's and numpy's generators, as augmentations do."""

    def __init__(self):
        g = torch.Generator().manual_seed(0)
        self.x, self.y = torch.randn(46, 6, generator=g), torch.randint(0, 3, (46,), generator=g)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        noise = random.gauss(0, 0.1) + float(np.random.normal()) * 0.1  # noqa: NPY002 - the global state counts
        return self.x[i] + noise, self.y[i]


def build(folder, callbacks=(), generator=True):
    torch.manual_seed(1)
    random.seed(2)
    np.random.seed(3)  # noqa: NPY002
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 60)
    shuffle = torch.Generator().manual_seed(4) if generator else None
    loader = DataLoader(Noise(), batch_size=4, shuffle=True, generator=shuffle)
    validation = DataLoader(TensorDataset(Noise().x, Noise().y), batch_size=20)
    parts = [
        LearningRateSchedule(schedule, every="step"),
        EarlyStop(patience=50),
        Checkpoints(folder, every_steps=1),
        *callbacks,
    ]
    trainer = Trainer(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        metrics={"accuracy": accuracy},
        callbacks=parts,
        update=Update(accumulate=2, clip=1.0),
    )
    return trainer, loader, validation


class Kill:
    """Kills the process without warning at an update, at one moment of it.

    moment: "step" before the checkpoint is written, "sync" when its bytes are
    written but not yet on the disk, "rename" between the two renames.
    """

    def __init__(self, at, moment):
        self.at, self.moment = at, moment

    def on_step_end(self, trainer):
        if trainer.total_steps == self.at:
            if self.moment == "step":
                self.kill()
            elif self.moment == "sync":
                os.fsync = self.kill
            else:
                replace = os.replace
                os.replace = lambda a, b: replace(a, b) if "previous" in str(b) else self.kill()

    @staticmethod
    def kill(*_):
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, end, epochs, *kill = sys.argv[1:]
    trainer, loader, validation = build(folder, [Kill(int(kill[0]), kill[1])] if kill else [])
    history = trainer.fit(loader, epochs=int(epochs), validation=validation, resume=True)
    torch.save({"weights": trainer.model.state_dict(), "history": history.to_json()}, end)
