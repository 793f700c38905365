"""DP-SGD: train so that no single record can be told from the weights.

make_private  PrivateModule  PoissonSampler  PrivateLoader  per_sample_gradients  clip_and_sum

    model, optimizer, loader = make_private(
        module=model, optimizer=optimizer, data_loader=loader, noise_multiplier=1.1, max_grad_norm=1.0
    )
    for x, y in loader:                      # or kit.train.Trainer(model, loss, optimizer).fit(loader, ...)
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
    print(model.spent(delta=1e-5))

Each step draws every record independently (Poisson), clips each record's own gradient to
`max_grad_norm`, sums, and adds Gaussian noise. The account (kit.privacy.accountant) holds under
these assumptions, which no code can check for you: the loss is a mean or sum over samples
of a term of that sample alone (no contrastive loss, no class weights or ignore_index under a
mean); the module treats samples one by one; weights are all that leaves (no best epoch chosen
on the training data, no early stop on its loss, and the losses you print are exact, not
private); the seed stays secret; one row is one person.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn
from torch.func import functional_call, grad, vjp, vmap
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, RandomSampler, SequentialSampler, default_collate
from torch.utils.data import TensorDataset

from kit import check
from kit.data import Batches
from kit.privacy.accountant import PrivacySpent, RDPAccountant
from kit.privacy.mechanisms import noise_generator
from kit.shapes import Float, Tensor

#: Numbers in one chunk of per-sample gradients (16 MB as float32): more leaves the cache, fewer calls more often.
CHUNK_NUMBERS = 2**22


def per_sample_gradients(module: nn.Module, loss: Callable, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """The gradient of each sample's own loss, by vmap(grad).

    loss: function of (outputs (1, ...), targets (1, ...)) with a scalar as result. All gradients are
    held at once, B times the size of the model.

    Shapes: inputs (B, ...), targets (B, ...) -> {name: (B, *parameter's shape)} of the parameters
    with requires_grad. Raises: ValueError for modules that mix samples, or unequal lengths.
    Source: Goodfellow 2015, arXiv:1510.01799. Lesson: 19
    """
    check_mixes_no_samples(module)
    check.same_length(inputs=inputs, targets=targets)
    check.nonempty("inputs", inputs)
    trained, rest = _split(module)

    def loss_of_one(parameters, x, y):
        return loss(functional_call(module, (parameters, rest), (x[None],)), y[None])

    return vmap(grad(loss_of_one), (None, 0, 0), randomness="different")(trained, inputs, targets)


def clip_and_sum(gradients: dict[str, Tensor], max_grad_norm: float) -> tuple[dict[str, Tensor], Float[Tensor, "B"]]:
    """Clip each sample's whole gradient to a norm, then sum over the samples.

    factor_i = min(1, C / |g_i|), |g_i| over all parameters together. Adding or removing one
    sample then moves the sum by at most C: its sensitivity.

    Shapes: {name: (B, ...)} -> {name: (...)}, norms before clipping (B,).
    Raises: ValueError for max_grad_norm not > 0, no gradients, or one that is not finite.
    Source: Abadi et al. 2016, algorithm 1. Lesson: 19
    """
    check.number("max_grad_norm", max_grad_norm, above=0)
    check.nonempty("gradients", gradients)
    flat = {name: g.flatten(1) for name, g in gradients.items()}
    norms = torch.stack([torch.linalg.vector_norm(g, dim=1) for g in flat.values()]).norm(dim=0)  # (B,)
    check.finite("per-sample gradient norms", norms)
    factor = (max_grad_norm / (norms + 1e-6)).clamp(max=1)  # (B,)
    return {name: (factor.to(g.dtype) @ g).view(gradients[name].shape[1:]) for name, g in flat.items()}, norms


def check_mixes_no_samples(module: nn.Module) -> None:
    """Raise ValueError for a layer in which one sample changes another's output.

    Batch normalization, by whatever library, and running statistics. Lesson: 19
    """
    for name, layer in module.named_modules():
        if "BatchNorm" in type(layer).__name__ or getattr(layer, "track_running_stats", False):
            raise ValueError(
                f"module.{name}={type(layer).__name__} mixes the samples of a batch, so no gradient belongs to "
                f"one sample; replace it with GroupNorm({min(32, getattr(layer, 'num_features', 32))}, channels) "
                "or LayerNorm"
            )


def _split(module: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters that are trained, and all that is only used."""
    trained = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    fixed = {name: p.detach() for name, p in module.named_parameters() if not p.requires_grad}
    return trained, fixed | dict(module.named_buffers())


class _ClippedBackward(torch.autograd.Function):
    """Forward: the module. Backward: clipped per-sample gradients, summed into `private.clipped_sum`.

    The parameters are inputs only so that the output has a gradient; none is handed to autograd, and the
    loss's gradient per output is all that is used of the loss.
    """

    @staticmethod
    def forward(ctx, private, count, *tensors):
        ctx.private, ctx.inputs = private, tensors[:count]
        ctx.random = _random_state(tensors[0].device)
        ctx.version = sum(p._version for p in private.module.parameters())
        return private.run(ctx.inputs)

    @staticmethod
    def backward(ctx, upstream):
        if ctx.version != sum(p._version for p in ctx.private.module.parameters()):
            raise RuntimeError("the weights changed between forward and backward; call backward before step")
        with _replayed(ctx.random, upstream.device):  # the same dropout masks
            ctx.private.collect(ctx.inputs, upstream)
        return (None,) * len(ctx.needs_input_grad)


def _random_state(device: torch.device) -> tuple:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device.type == "cuda" else None


@contextmanager
def _replayed(state: tuple, device: torch.device) -> Iterator[None]:
    with torch.random.fork_rng([device] if state[1] is not None else []):
        torch.set_rng_state(state[0])
        if state[1] is not None:
            torch.cuda.set_rng_state(state[1], device)
        yield


class PrivateModule(nn.Module):
    """A module whose backward pass clips each sample's gradient; see `make_private`.

    `module` is the one given, trained in place: save and serve that. In evaluation mode, or
    without gradients, this is exactly that module. `norms` (B,) are the gradient norms of the last batch
    before clipping, to choose max_grad_norm by (they are not private).

    Inputs are one or more tensors with samples first, the output is one such tensor. Lesson: 19
    """

    def __init__(self, module: nn.Module, max_grad_norm: float, loss_reduction: str = "mean"):
        super().__init__()
        check_mixes_no_samples(module)
        check.number("max_grad_norm", max_grad_norm, above=0)
        check.one_of("loss_reduction", loss_reduction, ("mean", "sum"))
        self.module, self.max_grad_norm, self.loss_reduction = module, float(max_grad_norm), loss_reduction
        self.accountant = RDPAccountant()
        self.norms: Tensor | None = None
        self.clipped_sum: dict[str, Tensor] = {}
        self.backwards = 0  # since the last step
        size = sum(p.numel() for p in module.parameters() if p.requires_grad)
        self._chunk = max(1, CHUNK_NUMBERS // max(1, size))

    def forward(self, *inputs: Tensor) -> Tensor:
        if not (self.training and torch.is_grad_enabled()):
            return self.module(*inputs)
        for i, value in enumerate(inputs):
            check.tensor(f"inputs[{i}]", value)
            if value.requires_grad:
                raise ValueError(
                    f"inputs[{i}] needs a gradient, which would pass the clipping by; make the whole model private"
                )
        check.same_length(**{f"inputs[{i}]": value for i, value in enumerate(inputs)})
        check.nonempty("inputs[0]", inputs[0])
        parameters = [p for p in self.module.parameters() if p.requires_grad]
        return _ClippedBackward.apply(self, len(inputs), *inputs, *parameters)

    def spent(self, delta: float) -> PrivacySpent:
        """The account of all steps so far, at `delta` (keep it far below 1/records)."""
        return self.accountant.spent(delta)

    def run(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """The outputs, computed sample by sample as `collect` will compute them again."""
        trained, rest = _split(self.module)
        with torch.no_grad():
            outputs = [self._map(lambda *x: self._one(trained, rest, x), part) for part in self._parts(inputs)]
        if not isinstance(outputs[0], Tensor):
            raise TypeError(
                f"module returns {type(outputs[0]).__name__}, one tensor is needed; wrap it so that it returns one"
            )
        return torch.cat(outputs)

    def collect(self, inputs: tuple[Tensor, ...], upstream: Tensor) -> None:
        """Per-sample gradients by vmap(vjp), clipped and added up chunk by chunk."""
        trained, rest = _split(self.module)
        if self.loss_reduction == "mean":
            upstream = upstream * len(upstream)  # each sample's loss, not its share of the mean

        def gradient_of_one(u, *x):
            return vjp(lambda parameters: self._one(parameters, rest, x), trained)[1](u)[0]

        total, norms = {}, []
        for part in self._parts((upstream, *inputs)):
            clipped, norm = clip_and_sum(self._map(gradient_of_one, part), self.max_grad_norm)
            norms.append(norm)
            total = {name: total[name] + g for name, g in clipped.items()} if total else clipped
        self.norms, self.clipped_sum = torch.cat(norms), total
        self.backwards += 1

    def _one(self, trained: dict, rest: dict, x: tuple[Tensor, ...]):
        return functional_call(self.module, (trained, rest), tuple(value[None] for value in x))[0]

    def _map(self, function: Callable, part: tuple[Tensor, ...]):
        return vmap(function, randomness="different")(*part)

    def _parts(self, tensors: tuple[Tensor, ...]) -> Iterator[tuple[Tensor, ...]]:
        return zip(*(value.split(self._chunk) for value in tensors))


class PoissonSampler:
    """Batches of indices in which each of n records is, independently, with one rate.

    So the size varies about rate x n, and a batch may be empty: then `on_empty()` is
    called in its place where given, else the empty list is handed out. `len()` is the number of draws of an
    epoch, those of nobody included.

    Raises: ValueError for n < 1, a rate not in (0, 1] or steps < 1.
    Source: Abadi et al. 2016, section 3.1. Lesson: 19
    """

    def __init__(
        self,
        n: int,
        *,
        sample_rate: float,
        steps: int,
        generator: torch.Generator | None = None,
        on_empty: Callable[[], None] | None = None,
    ):
        check.integer("n", n, 1)
        check.number("sample_rate", sample_rate, above=0, high=1)
        check.integer("steps", steps, 1)
        self.n, self.sample_rate, self.steps, self.on_empty = n, sample_rate, steps, on_empty
        self.generator = noise_generator(generator, torch.device("cpu"))
        self.unused = 0  # batches drawn and not yet trained on

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[list[int]]:
        for _ in range(self.steps):
            chosen = torch.rand(self.n, generator=self.generator, dtype=torch.float64) < self.sample_rate
            self.unused += 1
            indices = chosen.nonzero().flatten().tolist()
            if indices or self.on_empty is None:
                yield indices
            else:
                self.on_empty()


class PrivateLoader:
    """The batches of a DataLoader or `Batches`, drawn by Poisson sampling instead.

    sample_rate = batch_size / records; an epoch has as many draws as before. A draw of nobody
    becomes a step of noise alone (it is part of the guarantee), which the loop does not see.

    Raises: TypeError or ValueError for a loader whose rate of sampling is unknown: an own
    sampler or batch sampler, a stream, a generator. Lesson: 19
    """

    def __init__(self, data_loader, *, generator: torch.Generator | None = None):
        n, batch_size = _records(data_loader)
        self.source, self.expected_batch_size = data_loader, batch_size
        self.sampler = PoissonSampler(
            n, sample_rate=batch_size / n, steps=max(1, len(data_loader)), generator=generator
        )
        self.sample_rate, self.generator = self.sampler.sample_rate, self.sampler.generator

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator:
        tensors = self.source.tensors if isinstance(self.source, Batches) else _in_memory(self.source)
        if tensors:
            for indices in self.sampler:
                rows = torch.as_tensor(indices, device=tensors[0].device)
                yield tuple(value.index_select(0, rows) for value in tensors)
        else:
            old = self.source
            options = {"num_workers": old.num_workers, "collate_fn": old.collate_fn, "pin_memory": old.pin_memory}
            yield from DataLoader(old.dataset, batch_sampler=self.sampler, **options)


def _records(loader) -> tuple[int, int]:
    """Records and batch size, where each record is drawn alike."""
    if isinstance(loader, Batches):
        n, batch_size = loader.samples, loader.batch_size
    elif not isinstance(loader, DataLoader):
        raise TypeError(
            f"data_loader={check.show(loader)} has an unknown sampling rate; give a torch DataLoader or kit.data.Batches"
        )
    else:
        plain = type(loader.batch_sampler) is BatchSampler and type(loader.sampler) in (
            RandomSampler,
            SequentialSampler,
        )
        if isinstance(loader.dataset, IterableDataset) or not plain:
            own = loader.batch_sampler if type(loader.sampler) in (RandomSampler, SequentialSampler) else loader.sampler
            raise ValueError(
                f"data_loader samples by {type(own).__name__}, so the rate of each record is unknown; "
                "give DataLoader(dataset, batch_size=...) over a dataset with a length"
            )
        n, batch_size = len(loader.dataset), loader.batch_size
    return n, min(n, batch_size)


def _in_memory(loader: DataLoader) -> tuple[Tensor, ...]:
    """The tensors of a plain TensorDataset, which need no collecting row by row."""
    plain = type(loader.dataset) is TensorDataset and loader.collate_fn is default_collate
    return loader.dataset.tensors if plain else ()


def make_private(
    *,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    data_loader,
    noise_multiplier: float,
    max_grad_norm: float,
    loss_reduction: str = "mean",
    generator: torch.Generator | None = None,
) -> tuple[PrivateModule, torch.optim.Optimizer, PrivateLoader]:
    """Module, optimizer and loader for DP-SGD; argument names as Opacus'.

    In each step the optimizer gets  (sum of clipped gradients + N(0, (sigma C)^2)) / expected batch size,
    sigma = noise_multiplier, C = max_grad_norm (without the division for loss_reduction="sum").
    `model.spent(delta)` is the account. The module is trained in place, and the optimizer given is
    the one returned, with noise added before each of its steps; whatever else is found in
    `.grad` (a penalty on the weights, say) is replaced: use the optimizer's weight_decay.

    generator: for sampling and, by a seed drawn from it, noise; keep its seed secret. None: seeded by the
    operating system. Its state travels in `optimizer.state_dict()`, so a resumed run does not
    repeat its noise, and neither does the account forget the steps before.

    Raises: ValueError for BatchNorm, an unknown sampling rate, parameters that are not the module's, an
    optimizer already private; and at a step that was not exactly one backward pass on one fresh batch.
    Source: Abadi et al. 2016, algorithm 1. Lesson: 19
    """
    check.number("noise_multiplier", noise_multiplier, 0)
    if getattr(optimizer, "_kit_private", False):
        raise ValueError("optimizer is private already; build a new one from module.parameters()")
    model = PrivateModule(module, max_grad_norm, loss_reduction)
    loader = PrivateLoader(data_loader, generator=generator)
    own = {id(p) for p in module.parameters()}
    if any(id(p) not in own for group in optimizer.param_groups for p in group["params"]):
        raise ValueError("optimizer holds parameters that are not module's; build it from module.parameters()")
    _NoisyStep(model, optimizer, loader, float(noise_multiplier))
    return model, optimizer, loader


class _NoisyStep:
    """What happens before each step of the optimizer: noise on the clipped sum, and an entry in the account."""

    def __init__(self, model, optimizer, loader, noise_multiplier):
        self.model, self.optimizer, self.loader = model, optimizer, loader
        self.noise_multiplier = noise_multiplier
        self.names = {id(p): name for name, p in model.module.named_parameters()}
        self.generators: dict[torch.device, torch.Generator] = {}
        optimizer._kit_private = True
        loader.sampler.on_empty = self.empty
        optimizer.register_step_pre_hook(self.before)
        optimizer.register_state_dict_post_hook(self.save)
        optimizer.register_load_state_dict_pre_hook(self.load)

    def before(self, optimizer, args, kwargs) -> None:
        model, sampler = self.model, self.loader.sampler
        if model.backwards != 1:
            raise ValueError(
                f"backward passes since the last step={model.backwards}, exactly 1 through the private model is "
                "needed; call model(...) once a step, and enlarge batch_size instead of accumulating"
            )
        if not sampler.unused:
            raise ValueError(
                "the batch is not a fresh one of the private loader; take one batch a step from the loader "
                "that make_private returned"
            )
        scale = self.loader.expected_batch_size if model.loss_reduction == "mean" else 1
        std = self.noise_multiplier * model.max_grad_norm
        for p in (p for group in optimizer.param_groups for p in group["params"] if p.requires_grad):
            total = model.clipped_sum[self.names[id(p)]]
            noise = torch.randn(p.shape, generator=self.generator(p.device), device=p.device, dtype=p.dtype)
            p.grad = (total + std * noise) / scale
        model.accountant.step(noise_multiplier=self.noise_multiplier, sample_rate=self.loader.sample_rate)
        model.backwards, model.clipped_sum = 0, {}
        sampler.unused -= 1

    def empty(self) -> None:
        """The step of a draw of nobody: noise alone."""
        self.model.clipped_sum = {n: torch.zeros_like(p) for n, p in self.model.module.named_parameters()}
        self.model.backwards = 1
        self.optimizer.step()

    def generator(self, device: torch.device) -> torch.Generator:
        if device not in self.generators:  # its own stream: sampling and noise are independent
            seed = torch.randint(2**62, (), generator=self.loader.generator).item()
            self.generators[device] = torch.Generator(device).manual_seed(seed)
        return self.generators[device]

    def save(self, optimizer, state: dict) -> dict:
        noise = {str(device): g.get_state() for device, g in self.generators.items()}
        return state | {"privacy": {"noise": noise, "history": list(self.model.accountant.history)}}

    def load(self, optimizer, state: dict) -> dict:
        if "privacy" not in state:
            raise ValueError("state_dict has no account of privacy; load one saved after make_private")
        saved = state["privacy"]
        self.model.accountant.history = [tuple(row) for row in saved["history"]]
        for name, noise in saved["noise"].items():
            self.generator(torch.device(name)).set_state(noise.cpu())
        return {key: value for key, value in state.items() if key != "privacy"}
