"""Learning without collecting: federated rounds and robust means.

local_update  federated_round  fed_avg  coordinate_median  trimmed_mean

The server sees models, not data; but a model tells a lot about the data it was trained on
(kit.privacy.attacks.invert_gradients), so this alone promises no privacy. Add `secure_sum`, so that the
server sees sums only, and noise, so that the sum hides each client.
"""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import nn

from kit import check
from kit.shapes import Tensor
from kit.train.batch import apply, unpack

State = Mapping[str, Tensor]


def local_update(
    module: nn.Module, loss: Callable, batches: Iterable, *, lr: float, epochs: int = 1, mu: float = 0.0
) -> tuple[dict[str, Tensor], int]:
    """What one client does: SGD from the server's model, on a copy; (state, samples).

    mu > 0 adds the proximal term mu/2 |w - w_server|^2, which keeps clients with unlike data from
    drifting apart (FedProx); its gradient is mu (w - w_server).

    batches: (inputs, targets) pairs, read `epochs` times. samples: those of one reading.
    Raises: ValueError for lr not > 0, epochs < 1, mu < 0, or no batches (in the second epoch, too: a
    generator is used up by the first).
    Source: McMahan et al. 2017, algorithm 1; Li et al. 2020 (FedProx), equation 2. Lesson: 19
    """
    check.number("lr", lr, above=0)
    check.integer("epochs", epochs, 1)
    check.number("mu", mu, 0)
    own = copy.deepcopy(module).train()
    start = [p.detach().clone() for p in own.parameters()]
    optimizer = torch.optim.SGD(own.parameters(), lr=lr)
    for _ in range(epochs):
        samples = 0
        for inputs, targets, count in map(unpack, batches):
            drift = sum((p - p0).square().sum() for p, p0 in zip(own.parameters(), start)) if mu else 0.0
            optimizer.zero_grad()
            (loss(apply(own, inputs), targets) + mu / 2 * drift).backward()
            optimizer.step()
            samples += count
        check.integer("samples of batches", samples, 1)
    return own.state_dict(), samples


def federated_round(
    module: nn.Module, loss: Callable, clients: Sequence, *, aggregate=None, **options
) -> nn.Module:
    """One round: every client trains a copy, the server puts the mean into `module`.

    aggregate: function of the clients' states, such as `coordinate_median`; None weights
    them by their samples (FedAvg). options: lr, epochs, mu of `local_update`.

    One full-batch epoch of every client is then one step of SGD on all data together, up to rounding, for a
    loss that is a mean over samples and a module without layers that see the batch, as BatchNorm does.

    Raises: ValueError for no clients, and as `local_update`. Source: McMahan et al. 2017, algorithm 1.
    Lesson: 19
    """
    check.nonempty("clients", clients)
    states, samples = zip(*(local_update(module, loss, client, **options) for client in clients))
    module.load_state_dict(fed_avg(states, weights=samples) if aggregate is None else aggregate(states))
    return module


def fed_avg(states: Sequence[State], *, weights: Sequence[float] | None = None) -> dict[str, Tensor]:
    """The weighted mean of state dicts; weights are samples a client, or all alike.

    One client can move it anywhere. Whole-number buffers are rounded.

    Raises: ValueError for no states, unlike names or shapes, NaN or infinity in one, weights that are
    negative or all 0. Source: McMahan et al. 2017. Lesson: 19
    """
    check.nonempty("states", states)
    weights = [1.0] * len(states) if weights is None else [float(weight) for weight in weights]
    check.same_length(states=states, weights=weights)
    check.number("min(weights)", min(weights), 0)
    check.number("sum(weights)", sum(weights), above=0)
    shares = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    return _merge(states, lambda stacked: torch.tensordot(shares.to(stacked.device), stacked, 1))


def coordinate_median(states: Sequence[State]) -> dict[str, Tensor]:
    """The median of each weight: fewer than half of the clients cannot move it far.

    For an even number the mean of the middle two. Biased where honest clients' data are unlike.
    Raises: as `fed_avg`. Source: Yin et al. 2018, definition 1. Lesson: 19
    """
    return trimmed_mean(states, trim=max(0, (len(states) - 1) // 2))


def trimmed_mean(states: Sequence[State], *, trim: int) -> dict[str, Tensor]:
    """The mean of each weight without its `trim` largest and `trim` smallest values.

    Withstands up to `trim` clients that send anything finite.
    Raises: as `fed_avg`; ValueError unless 2 trim < clients.
    Source: Yin et al. 2018, definition 2. Lesson: 19
    """
    check.nonempty("states", states)
    check.integer("trim", trim, 0, (len(states) - 1) // 2)
    return _merge(states, lambda stacked: stacked.sort(dim=0).values[trim : len(states) - trim].mean(dim=0))


def _merge(states: Sequence[State], mean: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    """Apply `mean` to each entry, stacked over the clients in float64."""
    for i, state in enumerate(states):
        if unlike := sorted(set(state) ^ set(states[0])):
            raise ValueError(f"states[{i}] differs from states[0] in {unlike}; send states of one model")
        for name, value in state.items():
            check.same_shape(f"states[{i}].{name}", value, f"states[0].{name}", states[0][name])
            check.finite(f"states[{i}].{name}", value)
    merged = {name: mean(torch.stack([state[name].double() for state in states])) for name in states[0]}
    whole = {name for name, value in states[0].items() if not value.is_floating_point()}
    return {n: (v.round() if n in whole else v).to(states[0][n].dtype) for n, v in merged.items()}
