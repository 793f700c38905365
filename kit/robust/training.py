"""Adversarial training: learn from the worst inputs nearby instead of the given ones.

worst = AdversarialBatches(batches, model, PGD(eps=0.1, steps=7, step_size=0.03))
Trainer(model, loss, optimizer).fit(worst, epochs=5)

AdversarialBatches
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from kit import check
from kit.robust.attacks import PGD, Generator, check_inputs
from kit.shapes import Tensor
from kit.train.batch import unpack
from kit.train.evaluate import evaluation


@dataclass(eq=False)
class AdversarialBatches:
    """Batches (x, y) in which x is attacked with the model as it is at that moment.

    The inner maximum of min_θ E max_{‖δ‖ <= eps} L(θ, x + δ, y); the trainer is the outer
    minimum. Works in `kit.train.Trainer` and in a loop of one's own. The model is in evaluation
    mode during the search and as before afterwards, so that batch norm does not count searched inputs.

    batches: gives pairs x (N, ...) in `attack.bounds`, y (N,), anew for every epoch.
    attack: `PGD` or `FGSM`. share: the part of each batch that is attacked.
    generator: on the model's device, draws the random starts.
    The first batch of an epoch is checked as `PGD` does, later ones only for their classes.

    Raises: ValueError for a share outside [0, 1].
    Source: Madry et al. (2018), eq. 2.1. Lesson: 17.
    """

    batches: Iterable
    model: nn.Module
    attack: PGD
    share: float = 1.0
    generator: Generator = None

    def __post_init__(self):
        check.probability("share", self.share)

    @property
    def sampler(self) -> Iterable:
        """The batches again: where a checkpoint looks for the generator of their order."""
        return self.batches

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches, each attacked when it is asked for."""
        device = next((weights.device for weights in self.model.parameters()), None)
        for i, batch in enumerate(self.batches):
            x, y, samples = unpack(batch, device)
            if count := round(self.share * samples):
                with evaluation(self.model):
                    if i == 0:
                        check_inputs(self.model, x, y, self.attack.bounds)
                    worst = self.attack.perturb(self.model, x[:count], y[:count], generator=self.generator)
                x = torch.cat([worst, x[count:]])
            yield x, y
