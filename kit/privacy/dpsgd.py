"""DP-SGD: train so that no single record can be told from the weights.

make_private  PrivateModule  PoissonBatches  per_sample_gradients  clip_and_sum

    model, optimizer, loader = make_private(
        module=model, optimizer=optimizer, data_loader=loader, noise_multiplier=1.1, max_grad_norm=1.0
    )
    for x, y in loader:                      # or kit.train.Trainer(model, loss, optimizer).fit(loader, ...)
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
    print(model.spent(delta=1e-5))

Each step draws every record independently (Poisson), clips each record's own gradient to `max_grad_norm`,
sums, and adds Gaussian noise. Norms and sum are taken layer by layer (kit.privacy.ghost) where that is
exact, else, several times slower, by vmap(grad): with dropout, shared weights, or weights used outside of a
layer of their own. The account (kit.privacy.accountant) holds under these assumptions, which no code can
check for you: the loss is a mean or sum over samples of a term of that sample alone (no contrastive loss,
no class weights or ignore_index under a mean); the module treats samples one by one; weights are all that
leaves (no best epoch chosen on the training data, no early stop on its loss, and the losses you print are
exact, not private); the seed stays secret; one row is one person.
"""

import re
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, SequentialSampler, TensorDataset
from torch.utils.data import default_collate as default

from kit import check
from kit.data import Batches
from kit.privacy import ghost
from kit.privacy.accountant import PrivacySpent, RDPAccountant
from kit.privacy.mechanisms import noise_generator
from kit.shapes import Float, Tensor

FORMULAS = "use kit.layers (LSTM, GRU) and train in `with kit.layers.fused(False):`"


def per_sample_gradients(module: nn.Module, loss: Callable, inputs, targets: Tensor) -> dict[str, Tensor]:
    """The gradient of each sample's own loss, by vmap(grad).

    loss: function of (outputs (1, ...), targets (1, ...)) with a scalar as result. All gradients are
    held at once, B times the size of the model.

    Shapes: inputs (B, ...), or a tuple of such for a module of several; targets (B, ...) ->
    {name: (B, *parameter's shape)} of the parameters with requires_grad. Raises: ValueError for modules
    that mix samples, or unequal lengths. Source: Goodfellow 2015, arXiv:1510.01799. Lesson: 19
    """
    check_mixes_no_samples(module)
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    check.nonempty("targets", targets)
    check.same_length(targets=targets, **{f"inputs[{i}]": value for i, value in enumerate(inputs)})

    def loss_of_one(parameters, y, *x):
        return loss(functional_call(module, parameters, tuple(value[None] for value in x)), y[None])

    trained = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    axes = (None, 0, *[0] * len(inputs))
    return vmap(grad(loss_of_one), axes, randomness="different")(trained, targets, *inputs)


def clip_and_sum(gradients: dict[str, Tensor], max_grad_norm: float) -> tuple[dict, Float[Tensor, "B"]]:
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
    check.finite("norms of per-sample gradients", norms)
    factor = (max_grad_norm / (norms + 1e-6)).clamp(max=1)  # (B,)
    return {name: (factor @ g).view(gradients[name].shape[1:]) for name, g in flat.items()}, norms


def check_mixes_no_samples(module: nn.Module) -> None:
    """Raise ValueError for a layer in which one sample changes another's output.

    Batch normalization, by whatever library, and running statistics. Lesson: 19
    """
    for name, layer in module.named_modules():
        kind = type(layer).__name__
        if "BatchNorm" in kind or getattr(layer, "track_running_stats", False):
            groups = f"GroupNorm(groups, {getattr(layer, 'num_features', 'channels')})"
            where = f"module.{name}".rstrip(".")
            raise ValueError(f"{where}={kind} mixes the samples of a batch; replace it with {groups}")


class PoissonBatches:
    """The batches of a DataLoader or `Batches`, drawn by Poisson sampling instead.

    In each draw every record is, independently, with probability sample_rate =
    batch_size / records, so sizes vary. An epoch has as many draws as before. A draw of nobody calls
    `on_empty()` (from `make_private`: a step of noise alone, part of the guarantee) and the loop does
    not see it. Rows are fetched in this process, whatever num_workers was.

    Raises: ValueError for a loader whose rate of sampling is unknown: a sampler or batch sampler of its
    own, a stream, a generator. Source: Abadi et al. 2016, section 3.1. Lesson: 19
    """

    def __init__(self, data_loader, *, generator: torch.Generator | None = None):
        records, batch_size = _records(data_loader)
        self.source, self.records, self.expected_batch_size = data_loader, records, batch_size
        self.sample_rate = batch_size / records
        self.generator = noise_generator(generator, torch.device("cpu"))
        self.on_empty: Callable[[], None] | None = None
        self.unused = 0  # batches drawn and not yet trained on

    def __len__(self) -> int:
        return max(1, len(self.source))

    def __iter__(self) -> Iterator:
        for _ in range(len(self)):
            lots = torch.rand(self.records, generator=self.generator, dtype=torch.float64)
            rows = (lots < self.sample_rate).nonzero().flatten()
            self.unused += 1
            if len(rows):
                yield self._rows(rows)
            elif self.on_empty is not None:
                self.on_empty()

    def _rows(self, rows: Tensor):
        held = self.source if isinstance(self.source, Batches) else self.source.dataset
        if type(held) in (Batches, TensorDataset) and getattr(self.source, "collate_fn", default) is default:
            return tuple(value.index_select(0, rows.to(value.device)) for value in held.tensors)
        return self.source.collate_fn([held[i] for i in rows.tolist()])


def _records(loader) -> tuple[int, int]:
    """Records and batch size, where each record is drawn alike."""
    if isinstance(loader, Batches):
        return loader.samples, min(loader.samples, loader.batch_size)
    sampler = getattr(loader, "sampler", loader)
    plain = isinstance(loader, DataLoader) and type(loader.batch_sampler) is BatchSampler
    if not plain or type(sampler) not in (RandomSampler, SequentialSampler):
        own = getattr(loader, "batch_sampler", None)
        by = own if own is not None and type(own) is not BatchSampler else sampler
        kind = f"data_loader={type(loader).__name__} draws by {type(by).__name__}"
        raise ValueError(f"{kind}, at an unknown rate; give Batches, or a DataLoader without an own sampler")
    check.nonempty("data_loader.dataset", loader.dataset)
    return len(loader.dataset), min(len(loader.dataset), loader.batch_size)


class _Replay:
    """Any module, sample by sample: forward by vmap, then vmap(grad) with the same random numbers."""

    def __init__(self, module: nn.Module, inputs: tuple[Tensor, ...]):
        self.module, self.inputs, self.random = module, inputs, torch.get_rng_state()
        self.gpus = [inputs[0].device] if inputs[0].is_cuda else []
        self.gpu_random = [torch.cuda.get_rng_state(device) for device in self.gpus]
        one = lambda *x: module(*(value[None] for value in x))  # noqa: E731
        try:
            outputs = [vmap(one, randomness="different")(*part) for part in self._chunks(inputs)]
        except RuntimeError as error:
            if "Batching rule" not in str(error):
                raise
            operation = re.search(r"aten::\w+", str(error)).group()
            raise ValueError(f"module calls {operation}, not possible sample by sample; {FORMULAS}") from None
        if not isinstance(outputs[0], Tensor):
            raise TypeError(f"module returns a {type(outputs[0]).__name__}; wrap it to return one tensor")
        self.output = torch.cat(outputs).squeeze(1)

    def clipped_sum(self, upstream: Tensor, max_grad_norm: float) -> tuple[dict, Float[Tensor, "B"]]:
        """As `ghost.Tape.clipped_sum`, chunk by chunk."""
        norms, total = [], {}
        with torch.random.fork_rng(self.gpus):
            torch.set_rng_state(self.random)
            for device, state in zip(self.gpus, self.gpu_random):
                torch.cuda.set_rng_state(state, device)
            for u, *x in self._chunks((upstream, *self.inputs)):
                gradients = per_sample_gradients(self.module, lambda y, u: (y * u).sum(), tuple(x), u)
                clipped, norm = clip_and_sum(gradients, max_grad_norm)
                total = {name: total.get(name, 0) + g for name, g in clipped.items()}
                norms.append(norm)
        return total, torch.cat(norms)

    def _chunks(self, tensors: tuple[Tensor, ...]) -> Iterator:
        size = ghost.CHUNK_NUMBERS // max(1, sum(p.numel() for p in self.module.parameters()))
        return zip(*(value.split(max(1, size)) for value in tensors))


class _ClippedBackward(torch.autograd.Function):
    """Forward: the module. Backward: clipped per-sample gradients into `private.clipped_sum`.

    The parameters are inputs only so that the output has a gradient; none is handed to autograd.
    """

    @staticmethod
    def forward(ctx, private, count, *tensors):
        ctx.private, ctx.tape = private, private.record(tensors[:count])
        return ctx.tape.output.clone()

    @staticmethod
    def backward(ctx, upstream):
        ctx.private.collect(ctx.tape, upstream)
        ctx.tape = None  # frees the activations
        return (None,) * len(ctx.needs_input_grad)


class PrivateModule(nn.Module):
    """The module that `make_private` returns: its backward pass clips each sample's gradient.

    `module` is the one given, trained in place: save and serve that. In evaluation mode, or without
    gradients, this is exactly that module. `norms` (B,) are the gradient norms of the last batch before
    clipping (they are not private: choose max_grad_norm on public data).

    Inputs are one or more tensors with samples first, the output is one such tensor. Lesson: 19
    """

    def __init__(self, module, loader, noise_multiplier: float, max_grad_norm: float, mean: bool):
        super().__init__()
        self.module, self.loader, self.mean = module, loader, mean
        self.noise_multiplier, self.max_grad_norm = float(noise_multiplier), float(max_grad_norm)
        self.accountant, self.norms, self.noise = RDPAccountant(), None, None
        self.clipped_sum, self.backwards = {}, 0  # since the last step
        self.by_layer: bool | None = None  # whether kit.privacy.ghost holds; None: not known yet

    def forward(self, *inputs: Tensor) -> Tensor:
        if not (self.training and torch.is_grad_enabled()):
            return self.module(*inputs)
        check.nonempty("inputs", inputs)
        for i, value in enumerate(inputs):
            check.tensor(f"inputs[{i}]", value)
            check.nonempty(f"inputs[{i}]", value)
            if value.requires_grad:
                raise ValueError(f"inputs[{i}] needs a gradient, not clipped; make the whole model private")
        check.same_length(**{f"inputs[{i}]": value for i, value in enumerate(inputs)})
        trained = [p for p in self.module.parameters() if p.requires_grad]
        return _ClippedBackward.apply(self, len(inputs), *inputs, *trained)

    def spent(self, delta: float) -> PrivacySpent:
        """The account of all steps so far, at `delta` (keep it far below 1/records)."""
        return self.accountant.spent(delta)

    def record(self, inputs: tuple[Tensor, ...]) -> "ghost.Tape | _Replay":
        """A forward pass that knows its clipped sum: layer by layer where that is right, else by vmap."""
        tape = None
        if self.by_layer:
            tape = ghost.record(self.module, inputs)
        elif self.by_layer is None and len(inputs[0]) > 1:  # is each sample treated by itself? Try two alone
            with torch.random.fork_rng([inputs[0].device] if inputs[0].is_cuda else []):
                tape = ghost.record(self.module, inputs)
                ends = [ghost.record(self.module, tuple(v[i:][:1] for v in inputs)) for i in (0, -1)]
            same = tape is not None and all(tape.agrees(alone, i) for alone, i in zip(ends, (0, -1)))
            tape = tape if same else None
        else:
            return _Replay(self.module, inputs)
        self.by_layer = tape is not None
        return _Replay(self.module, inputs) if tape is None else tape

    def collect(self, tape, upstream: Tensor) -> None:
        """Clip the per-sample gradients and add them up."""
        if tape is None:
            raise ValueError("private backward passes=2 through one output, 1 is possible; call model again")
        if self.mean:
            upstream = upstream * len(upstream)  # each sample's loss, not its share of the mean
        self.clipped_sum, self.norms = tape.clipped_sum(upstream, self.max_grad_norm)
        self.backwards += 1

    def add_noise(self, optimizer, *_) -> None:
        """Before each step of the optimizer: noise on the clipped sum, an entry in the account."""
        if self.backwards != 1:
            raise ValueError(
                f"private backward passes={self.backwards}, 1 a step is needed; raise batch_size"
            )
        if not self.loader.unused:
            raise ValueError("the batch is no fresh one; take one from the private loader for each step")
        scale = self.loader.expected_batch_size if self.mean else 1
        names = {id(p): name for name, p in self.module.named_parameters() if p.requires_grad}
        for p in (p for group in optimizer.param_groups for p in group["params"]):
            if id(p) not in names:
                p.grad = None  # frozen: what lies there was not clipped
                continue
            noise = torch.empty_like(p).normal_(generator=self._noise(p.device))
            std = self.noise_multiplier * self.max_grad_norm
            p.grad = (self.clipped_sum[names[id(p)]] + std * noise) / scale
        self.accountant.step(noise_multiplier=self.noise_multiplier, sample_rate=self.loader.sample_rate)
        self.backwards, self.clipped_sum = 0, {}
        self.loader.unused -= 1

    def _noise(self, device: torch.device) -> torch.Generator:
        if self.noise is None or self.noise.device != device:  # a stream apart from the sampling's
            seed = torch.randint(2**62, (), generator=self.loader.generator).item()
            self.noise = torch.Generator(device).manual_seed(seed)
        return self.noise

    def save_account(self, optimizer, state: dict) -> dict:
        """The optimizer's `state_dict()` with the account and the states of noise and sampling."""
        noise = None if self.noise is None else self.noise.get_state()
        kept = {"noise": noise, "sampling": self.loader.generator.get_state()}
        return state | {"privacy": {"history": list(self.accountant.history), **kept}}

    def load_account(self, optimizer, state: dict) -> dict:
        """Take them up again before the optimizer loads the rest."""
        if "privacy" not in state:
            raise ValueError("state_dict holds no privacy account; load one saved after make_private")
        self.accountant.history = [tuple(row) for row in state["privacy"]["history"]]
        if (noise := state["privacy"]["noise"]) is not None:
            self._noise(next(self.module.parameters()).device).set_state(noise.cpu())
        self.loader.generator.set_state(state["privacy"]["sampling"].cpu())
        return {key: value for key, value in state.items() if key != "privacy"}


def make_private(
    *,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    data_loader,
    noise_multiplier: float,
    max_grad_norm: float,
    loss_reduction: str = "mean",
    generator: torch.Generator | None = None,
) -> tuple[PrivateModule, torch.optim.Optimizer, PoissonBatches]:
    """Module, optimizer and loader for DP-SGD; argument names as Opacus'.

    In each step the optimizer gets  (sum of clipped gradients + N(0, (sigma C)^2)) / expected batch size,
    sigma = noise_multiplier, C = max_grad_norm (without the division for loss_reduction="sum").
    `model.spent(delta)` is the account. The module is trained in place, and the optimizer given is
    the one returned, with noise added before each of its steps; whatever else is found in
    `.grad` (a penalty on the weights, say) is replaced: use the optimizer's weight_decay.

    generator: for sampling and, by a seed drawn from it, noise; keep its seed secret. None: seeded by the
    operating system. The account and both states travel in `optimizer.state_dict()`, so that a resumed run
    neither forgets its steps nor repeats its noise or its draws.

    Raises: ValueError for BatchNorm, an unknown sampling rate, parameters that are not the module's, an
    optimizer already private; and at a step that was not exactly one backward pass on one fresh batch.
    Source: Abadi et al. 2016, algorithm 1. Lesson: 19
    """
    check_mixes_no_samples(module)
    check.number("noise_multiplier", noise_multiplier, 0)
    check.number("max_grad_norm", max_grad_norm, above=0)
    check.one_of("loss_reduction", loss_reduction, ("mean", "sum"))
    own = {id(p) for p in module.parameters()}
    if getattr(optimizer, "is_private", False):
        raise ValueError("optimizer is private already; build a new one from module.parameters()")
    if any(id(p) not in own for group in optimizer.param_groups for p in group["params"]):
        raise ValueError("optimizer holds parameters not of module; build it from module.parameters()")
    loader = PoissonBatches(data_loader, generator=generator)
    model = PrivateModule(module, loader, noise_multiplier, max_grad_norm, loss_reduction == "mean")

    def step_of_noise_alone() -> None:
        model.clipped_sum = {name: torch.zeros_like(p) for name, p in module.named_parameters()}
        model.backwards = 1
        optimizer.step()

    optimizer.is_private, loader.on_empty = True, step_of_noise_alone
    optimizer.register_step_pre_hook(model.add_noise)
    optimizer.register_state_dict_post_hook(model.save_account)
    optimizer.register_load_state_dict_pre_hook(model.load_account)
    return model, optimizer, loader
