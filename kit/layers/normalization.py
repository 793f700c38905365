"""Normalization over the batch or over the features.

BatchNorm1d  BatchNorm2d  LayerNorm  RMSNorm
"""

import torch
from torch import nn
from torch.nn import functional as F

from kit import check
from kit.layers.fused import fused
from kit.shapes import Float, Tensor


class _BatchNorm(nn.Module):
    """What BatchNorm1d and BatchNorm2d share; they differ in the ranks they accept."""

    _version = 2  # of the state_dict, as in torch: 2 added num_batches_tracked
    ranks: tuple[int, ...]
    layouts: str

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        check.integer("num_features", num_features, 0)
        check.number("eps", eps, 0)
        if momentum is not None:
            check.probability("momentum", momentum)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        place = {"device": device, "dtype": dtype}
        self.weight = nn.Parameter(torch.empty(num_features, **place)) if affine else None
        self.bias = nn.Parameter(torch.empty(num_features, **place)) if affine and bias else None
        track = track_running_stats
        self.register_buffer("running_mean", torch.zeros(num_features, **place) if track else None)
        self.register_buffer("running_var", torch.ones(num_features, **place) if track else None)
        count = torch.tensor(0, dtype=torch.long, device=device)
        self.register_buffer("num_batches_tracked", count if track else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the running variance to 1, the count to 0."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Reset the running statistics, the weight to 1 and the bias to 0."""
        self.reset_running_stats()
        if self.weight is not None:
            nn.init.ones_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Float[Tensor, "B *C"]) -> Float[Tensor, "B *C"]:
        """Return (x − μ) / √(σ² + eps) · weight + bias per channel; same shape as `x`.

        While training, μ and σ² are those of the batch and the running ones move
        towards them by `momentum` (None: their plain average so far); at evaluation
        μ and σ² are the running ones, or the batch's where none are tracked.

        Raises:
            ValueError: wrong rank, wrong number of channels, or one value per channel
                while training.
        """
        self._check(x)
        use_batch = self.training or self.running_mean is None
        rate = 0.0
        if self.training and self.track_running_stats:
            self.num_batches_tracked.add_(1)
            rate = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        # Where no statistics are to move, the kernel must not see them.
        seen = not self.training or self.track_running_stats
        running = (self.running_mean, self.running_var) if seen else (None, None)
        if fused():
            return F.batch_norm(x, *running, self.weight, self.bias, use_batch, rate, self.eps)
        return self._formula(x, *running, use_batch, rate)

    def _formula(
        self, x: Tensor, running_mean: Tensor | None, running_var: Tensor | None, use_batch: bool, rate: float
    ) -> Tensor:
        if use_batch:
            dims = [d for d in range(x.ndim) if d != 1]
            n = x.numel() // x.shape[1]
            mean = x.mean(dims)  # (C,)
            var = x.var(dims, correction=0)  # (C,), divided by n
            if running_mean is not None and self.training:
                with torch.no_grad():
                    running_mean.lerp_(mean.to(running_mean.dtype), rate)
                    running_var.lerp_((var * n / (n - 1)).to(running_var.dtype), rate)  # by n - 1
        else:
            mean, var = running_mean, running_var
        column = (1, -1) + (1,) * (x.ndim - 2)  # (C,) -> (1, C, 1, ...)
        x_hat = (x - mean.view(column)) / torch.sqrt(var + self.eps).view(column)
        y = x_hat if self.weight is None else x_hat * self.weight.view(column)
        return y if self.bias is None else y + self.bias.view(column)

    def _check(self, x: Tensor) -> None:
        if x.ndim not in self.ranks:
            raise ValueError(
                f"x has shape {tuple(x.shape)}, {type(self).__name__} needs {self.layouts}; reshape x"
            )
        if x.shape[1] != self.num_features:
            raise ValueError(
                f"x has shape {tuple(x.shape)}, its dimension 1 must be num_features={self.num_features}; "
                "reshape x or change num_features"
            )
        if (self.training or self.running_mean is None) and x.numel() // max(x.shape[1], 1) < 2:
            raise ValueError(
                f"x has shape {tuple(x.shape)}, one value per channel has no variance; "
                "use a larger batch, or .eval() outside training"
            )

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest) -> None:
        key = f"{prefix}num_batches_tracked"
        if (local_metadata.get("version") or 1) < 2 and self.track_running_stats and key not in state_dict:
            state_dict[key] = self.num_batches_tracked.clone()  # saved before the count existed
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Normalize each channel over the batch, as `torch.nn.BatchNorm1d`.

    Takes (B, C) or (B, C, T). Arguments and state_dict are torch's: num_features, eps=1e-5, momentum=0.1,
    affine=True, track_running_stats=True, device, dtype, bias=True. The running variance is
    the unbiased one (n − 1), the one that normalizes the biased one (n).

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1. Lesson: 05
    """

    ranks = (2, 3)
    layouts = "(B, C) or (B, C, T)"


class BatchNorm2d(_BatchNorm):
    """Normalize each channel over batch and pixels, as `torch.nn.BatchNorm2d`.

    Takes (B, C, H, W). Arguments as in `BatchNorm1d`.

    Raises:
        TypeError, ValueError: an argument is out of its range.

    Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 2. Lesson: 06
    """

    ranks = (4,)
    layouts = "(B, C, H, W)"


class _FeatureNorm(nn.Module):
    """What LayerNorm and RMSNorm share: the trailing dimensions they work on."""

    def __init__(self, normalized_shape: int | tuple[int, ...] | list[int]):
        super().__init__()
        shape = (normalized_shape,) if hasattr(normalized_shape, "__index__") else tuple(normalized_shape)
        check.nonempty("normalized_shape", shape)
        for size in shape:
            check.integer("normalized_shape", size, 0)
        self.normalized_shape = shape

    def _dims(self, x: Tensor) -> tuple[int, ...]:
        n = len(self.normalized_shape)
        if tuple(x.shape[-n:]) != self.normalized_shape:
            raise ValueError(
                f"x has shape {tuple(x.shape)}, its last dimensions must be "
                f"normalized_shape={self.normalized_shape}; reshape x or change normalized_shape"
            )
        return tuple(range(-n, 0))


class LayerNorm(_FeatureNorm):
    """Normalize each sample over its last dimensions, as `torch.nn.LayerNorm`.

    (x − mean) / √(variance + eps) · weight + bias, the variance divided by n.

    Args:
        normalized_shape: size or sizes of the trailing dimensions.
        eps: added to the variance.
        elementwise_affine: whether weight (1s) and bias (0s) are learned.
        bias: whether there is a bias beside the weight.
        device, dtype: of the parameters.

    Raises:
        TypeError, ValueError: a size or eps is out of its range.

    Source: Ba, Kiros and Hinton 2016, arXiv:1607.06450, equation 3. Lesson: 08
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...] | list[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__(normalized_shape)
        check.number("eps", eps, 0)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        place = {"device": device, "dtype": dtype}
        weight = nn.Parameter(torch.ones(self.normalized_shape, **place)) if elementwise_affine else None
        has_bias = elementwise_affine and bias
        shift = nn.Parameter(torch.zeros(self.normalized_shape, **place)) if has_bias else None
        self.register_parameter("weight", weight)
        self.register_parameter("bias", shift)

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        with torch.no_grad():
            if self.weight is not None:
                self.weight.fill_(1)
            if self.bias is not None:
                self.bias.zero_()

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """Return the normalized `x`, same shape.

        Raises:
            ValueError: the last dimensions of `x` are not `normalized_shape`.
        """
        dims = self._dims(x)
        if fused():
            return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        mean = x.mean(dims, keepdim=True)
        var = ((x - mean) ** 2).mean(dims, keepdim=True)
        y = (x - mean) / torch.sqrt(var + self.eps)
        y = y if self.weight is None else y * self.weight
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class RMSNorm(_FeatureNorm):
    """Divide each sample by its root mean square, as `torch.nn.RMSNorm`.

    x / √(mean(x²) + eps) · weight, without mean and bias: cheaper than LayerNorm.

    Args:
        normalized_shape: size or sizes of the trailing dimensions.
        eps: added to the mean square; None is the precision of the accumulation
            (1.2e-7; 2.2e-16 for float64), as in torch.
        elementwise_affine: whether a weight (1s) is learned.
        device, dtype: of the weight.

    Raises:
        TypeError, ValueError: a size or eps is out of its range.

    Source: Zhang and Sennrich 2019, arXiv:1910.07467, equation 4. Lesson: 08
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...] | list[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__(normalized_shape)
        if eps is not None:
            check.number("eps", eps, 0)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        place = {"device": device, "dtype": dtype}
        weight = nn.Parameter(torch.ones(self.normalized_shape, **place)) if elementwise_affine else None
        self.register_parameter("weight", weight)

    def reset_parameters(self) -> None:
        """Set the weight to 1."""
        if self.weight is not None:
            nn.init.ones_(self.weight)

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """Return the normalized `x`, same shape.

        Raises:
            ValueError: the last dimensions of `x` are not `normalized_shape`.
        """
        dims = self._dims(x)
        if fused():
            return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)
        # Half precisions are squared in float32: x² would lose half its digits or overflow.
        wide = x if x.dtype == torch.float64 else x.float()
        eps = torch.finfo(wide.dtype).eps if self.eps is None else self.eps
        y = wide / torch.sqrt((wide**2).mean(dims, keepdim=True) + eps)
        return (y if self.weight is None else y * self.weight).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
