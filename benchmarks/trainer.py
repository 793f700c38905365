"""`kit.train.Trainer` beside a hand-written loop and the other frameworks.

(a) same tensors, loader and optimizer on both sides: what the framework costs;
(b) what each side's reader would write: kit's Batches and AdamW against
    DataLoader and torch's AdamW with its defaults.

kit runs with progress bar, metrics and history; the others run bare.
"""

import contextlib
import io
import sys
import warnings
from collections.abc import Callable
from functools import partial

import torch

from benchmarks.harness import Session, version
from benchmarks.peers import PEERS, by_hand
from benchmarks.workloads import Workload, small_gpt, small_mlp
from kit.data import Batches
from kit.optim import AdamW
from kit.train import Trainer, accuracy


def with_kit(work: Workload, batches=None, optimizer: Callable | None = None) -> Callable[[], object]:
    """A kit run: bar, accuracy and history on."""
    model = work.model()
    trainer = Trainer(model, work.loss, (optimizer or work.optimizer)(model), metrics={"accuracy": accuracy})
    batches = work.loader() if batches is None else batches

    def run():
        with contextlib.redirect_stderr(io.StringIO()):
            trainer.fit(batches, epochs=work.epochs, progress=True)

    return run


def with_kit_defaults(work: Workload) -> Callable[[], object]:
    """What a reader of the course writes."""
    generator = torch.Generator().manual_seed(0)
    batches = Batches(
        work.inputs, work.targets, batch_size=work.batch_size, shuffle=True, generator=generator
    )
    return with_kit(work, batches, lambda model: AdamW(model.parameters(), lr=1e-3))


def measure(session: Session) -> None:
    """Both workloads: against the hand-written loop, then against every peer installed."""
    warnings.filterwarnings("ignore")
    for work, same, ready, defaults in ((small_mlp(), 1.08, None, 0.60), (small_gpt(), 1.02, None, 1.00)):
        batches = work.ready_batches()
        hand = partial(by_hand, work)
        session.compare(
            f"(a) kit, {work.name}", partial(with_kit, work), "hand-written loop", hand, target=same
        )
        session.compare(
            f"(a') kit, {work.name}, fused",
            partial(with_kit, work, batches, lambda model, w=work: w.optimizer(model, fused=True)),
            "hand-written, batches in a list",
            partial(by_hand, work, batches, fused=True),
            target=ready,
        )
        session.compare(
            f"(b) kit defaults, {work.name}",
            partial(with_kit_defaults, work),
            "DataLoader + AdamW defaults",
            hand,
            target=defaults,
        )
        for package, peer in PEERS.items():
            against_peer(session, work, package, peer)


def against_peer(session: Session, work: Workload, package: str, peer: Callable) -> None:
    """kit against one framework; a line and no failure where it is missing or will not run."""
    found = version(package)
    if found is None:
        session.note(f"(a) kit, {work.name}", f"{package}: not installed")
        return
    try:
        session.compare(
            f"(a) kit, {work.name}",
            partial(with_kit, work),
            f"{package} {found}",
            partial(peer, work),
            target=1.0,
        )
    except Exception as error:  # a peer of another version must not end the benchmark
        session.note(f"(a) kit, {work.name}", f"{package} {found}: {type(error).__name__}: {error}"[:160])


if __name__ == "__main__":
    with Session("trainer", threads=int(sys.argv[1]) if sys.argv[1:] else 1) as session:
        measure(session)
