"""Attribution by gradients, with Captum's names, arguments and results.

Saliency  InputXGradient  IntegratedGradients  SmoothGrad  GradientShap  GradCAM
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from kit import check
from kit.interpret.attribution import Attribution
from kit.interpret.calls import Baselines, Call, Inputs, Method, Target
from kit.interpret.hooks import find_module, run_with_cache, run_with_hooks
from kit.shapes import Tensor


class Saliency(Method):
    """|∂f/∂x|: how fast the score moves when a part of the input moves.

    Args:
        forward_func: a module or any function of the inputs that returns (N,), (N, 1) or (N, ..., K).

    Source: Simonyan, Vedaldi & Zisserman 2013, arXiv:1312.6034, section 3. Lesson: 21
    """

    def attribute(
        self, inputs: Inputs, target: Target = None, abs: bool = True, additional_forward_args=None
    ) -> Attribution:
        """The gradient of the target's score, or its size.

        Args:
            inputs: (N, ...) or a tuple of such tensors.
            target: output index, one per sample (N,), a tuple of indices, "all", or None for one output.
            abs: whether to drop the sign.
            additional_forward_args: further arguments; tensors with N rows belong to the samples.

        Raises:
            TypeError, ValueError: see `Call`; also where autograd finds no way to the inputs.
        """
        call = Call(self.forward_func, inputs, None, target, additional_forward_args)
        values = [g.abs() if abs else g for g in call.gradients(call.inputs)]
        return call.attribution("Saliency", values)


class InputXGradient(Method):
    """x · ∂f/∂x: complete for a linear score without bias, a first guess elsewhere.

    Source: Shrikumar et al. 2016, arXiv:1605.01713. Lesson: 21
    """

    def attribute(self, inputs: Inputs, target: Target = None, additional_forward_args=None) -> Attribution:
        """Arguments and errors as for `Saliency`; `delta` against f(x) - f(0) tells what bends."""
        call = Call(self.forward_func, inputs, None, target, additional_forward_args)
        values = [x * g for x, g in zip(call.inputs, call.gradients(call.inputs))]
        return call.attribution("InputXGradient", values, baseline=0, expected=call.difference())


class IntegratedGradients(Method):
    """(x - x') · ∫₀¹ ∂f/∂x(x' + α (x - x')) dα: the gradient along the way from a baseline.

    Complete: the values sum to f(x) - f(x'). The path is walked a few rows at a time, so
    memory does not grow with `n_steps`.

    Source: Sundararajan, Taly & Yan 2017, arXiv:1703.01365, equation 1. Lesson: 21
    """

    def attribute(
        self,
        inputs: Inputs,
        baselines: Baselines = None,
        target: Target = None,
        additional_forward_args=None,
        n_steps: int = 50,
        method: str = "gausslegendre",
        internal_batch_size: int = 128,
    ) -> Attribution:
        """Attributions with `delta`, the completeness gap; a large one is warned about.

        Args:
            inputs, target, additional_forward_args: as for `Saliency`.
            baselines: x': a number, (1, ...) or the inputs' shape, a tuple for a tuple; None is 0.
            n_steps: points on the path.
            method: "gausslegendre" or "riemann_middle".
            internal_batch_size: rows computed at once (128 stay in a processor's cache; a GPU likes more).

        Raises:
            TypeError, ValueError: as `Saliency`, a baseline of another shape, an unknown `method`.
        """
        call = Call(self.forward_func, inputs, baselines, target, additional_forward_args)
        check.integer("n_steps", n_steps, 1)
        check.one_of("method", method, ("gausslegendre", "riemann_middle"))
        nodes, weights = np.arange(0.5, n_steps) * 2 / n_steps - 1, np.full(n_steps, 2 / n_steps)
        if method == "gausslegendre":
            nodes, weights = np.polynomial.legendre.leggauss(n_steps)
        alphas, pairs = ((1 + nodes) / 2).tolist(), list(zip(call.inputs, call.baselines))

        def points(steps: slice):
            return [torch.cat([torch.lerp(b, x, a) for a in alphas[steps]]) for x, b in pairs], None

        means = _mean_gradients(call, points, (weights / 2).tolist(), internal_batch_size)
        advice = "raise n_steps; where the score jumps at the baseline (LayerNorm at zero), choose another"
        return call.attribution(
            "IntegratedGradients",
            [g * (x - b) for g, (x, b) in zip(means, pairs)],
            baseline=call.given,
            expected=call.difference(),
            advice=advice,
        )


class SmoothGrad(Method):
    """The mean gradient of noisy copies: Captum's NoiseTunnel around Saliency.

    Source: Smilkov et al. 2017, arXiv:1706.03825, section 3. Lesson: 21
    """

    def attribute(
        self,
        inputs: Inputs,
        target: Target = None,
        additional_forward_args=None,
        *,
        n_samples: int = 25,
        stdevs: float | int = 0.1,
        abs: bool = True,
        generator: torch.Generator | None = None,
    ) -> Attribution:
        """Mean of |∂f/∂x| (or of the signed gradient) at x + Normal(0, stdevs²).

        Args:
            inputs, target, additional_forward_args: as for `Saliency`.
            n_samples: noisy copies of each sample.
            stdevs: of the noise, in units of the inputs (the paper: 10-20% of their range).
            abs: whether to drop the sign before the mean.
            generator: source of the noise; None uses torch's global one.

        Raises:
            TypeError, ValueError: as `Saliency`, or `n_samples` or `stdevs` out of range.
        """
        call = Call(self.forward_func, inputs, None, target, additional_forward_args)
        weights = _draws(n_samples, stdevs)

        def points(steps: slice):
            return _noisy(call.inputs, weights[steps], stdevs, generator), None

        return call.attribution("SmoothGrad", _mean_gradients(call, points, weights, absolute=abs))


class GradientShap(Method):
    """The mean of (x - x') · ∂f/∂x at random points between the input and random baselines.

    An estimate of integrated gradients averaged over a set of baselines; `delta` is its
    Monte Carlo error, in expectation 0 (so there is no warning).

    Source: Erion et al. 2019, arXiv:1906.10670, equation 3; Lundberg & Lee 2017. Lesson: 21
    """

    def attribute(
        self,
        inputs: Inputs,
        baselines: Inputs,
        n_samples: int = 50,
        stdevs: float | int = 0.0,
        target: Target = None,
        additional_forward_args=None,
        *,
        generator: torch.Generator | None = None,
    ) -> Attribution:
        """Attributions with `delta` against f(x) - mean of f(the baselines drawn).

        Args:
            inputs, target, additional_forward_args: as for `Saliency`.
            baselines: (B, ...), any number of them; a tuple for a tuple of inputs.
            n_samples: draws per sample.
            stdevs: of the noise added to the inputs.
            generator: source of the draws (on the CPU); None uses torch's global one.

        Raises:
            TypeError, ValueError: as `Saliency`, or a baseline whose rows have another shape.
        """
        call = Call(self.forward_func, inputs, None, target, additional_forward_args)
        weights, pool = _draws(n_samples, stdevs), baselines if isinstance(baselines, tuple) else (baselines,)
        check.same_length(baselines=pool, inputs=call.inputs)
        for b, x in zip(pool, call.inputs):
            check.tensor("baselines", b)
            if b.shape[1:] != x.shape[1:] or len(b) == 0:
                rule = f"baselines has shape {tuple(b.shape)}, its rows must have {tuple(x.shape[1:])}"
                raise ValueError(f"{rule}; give one row or more")
        check.same_length(**{f"baselines[{i}]": b for i, b in enumerate(pool)})
        at_baselines: list[Tensor] = []

        @torch.no_grad()
        def points(steps: slice):
            M = len(weights[steps]) * call.N
            rows = torch.randint(len(pool[0]), (M,), generator=generator)
            alpha = torch.rand(M, generator=generator)
            drawn = tuple(b.to(x)[rows.to(x.device)] for x, b in zip(call.inputs, pool))
            noisy = _noisy(call.inputs, weights[steps], stdevs, generator)
            owners = torch.arange(M, device=noisy[0].device) % call.N
            at_baselines.append(call.scores(drawn, owners).unflatten(0, (-1, call.N)))  # (steps, N, K)
            ways = [x - b for x, b in zip(noisy, drawn)]
            return [b + _column(alpha.to(b), b.ndim) * way for b, way in zip(drawn, ways)], ways

        values = _mean_gradients(call, points, weights)
        with torch.no_grad():
            top = call.scores(call.inputs).T  # (K, N)
        expected = (top - torch.cat(at_baselines).mean(0).T, top.abs())
        return call.attribution("GradientShap", values, baseline=baselines, expected=expected)


class GradCAM:
    """Which places of a convolutional layer speak for the target, as large as the input.

    Channels are weighted by their mean gradient and summed: Captum's LayerGradCam, enlarged.

    Args:
        model: a module.
        layer: the (usually last) convolutional layer, by name or the module itself.

    Raises:
        TypeError, ValueError: the model has no such layer; the nearest name is given.

    Source: Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2. Lesson: 21
    """

    def __init__(self, model: nn.Module, layer: str | nn.Module):
        self.model, self.layer = model, find_module(model, layer)[0]

    def attribute(
        self,
        inputs: Tensor,
        target: Target = None,
        additional_forward_args=None,
        *,
        relu_attributions: bool = True,
        interpolate_mode: str = "bilinear",
    ) -> Attribution:
        """A map (N, 1, H, W) for images (N, C, H, W), or (K, N, 1, H, W) for target "all".

        Args:
            inputs, target, additional_forward_args: as for `Saliency`.
            relu_attributions: keep only what speaks for the target (the paper); Captum's default is False.
            interpolate_mode: how the map is enlarged; "nearest" shows the layer's own cells.

        Raises:
            TypeError, ValueError: as `Saliency`; the layer's output is not (N, C, H, W), the layer runs more
                than once, or the score does not depend on it.
        """
        check.tensor("inputs", inputs)
        call = Call(self.model, inputs, None, target, additional_forward_args)
        with torch.no_grad():
            _, cache = run_with_cache(self.model, inputs.clone(), *call.extra, names=self.layer)
        layer = cache[self.layer]
        check.tensor(f"the output of {self.layer}", layer, ndim=4, kind="float")
        if len(cache) > 1:
            raise ValueError(f"layer {self.layer!r} runs {len(cache)} times; choose one that runs once")

        def later(activation: Tensor, *extra):
            replace = {self.layer: lambda _: activation}
            return run_with_hooks(self.model, call.inputs[0].clone(), *extra, hooks=replace)

        (g,) = call.gradients((layer,), forward=later)  # (K, N, C, h, w)
        cam = (
            (g.flatten(3).mean(3).view(*g.shape[:3], *[1] * (g.ndim - 3)) * layer).sum(2, True).flatten(0, 1)
        )
        cam = F.interpolate(cam.relu() if relu_attributions else cam, inputs.shape[2:], mode=interpolate_mode)
        return call.attribution("GradCAM", [cam.unflatten(0, (len(g), call.N))])


def _mean_gradients(
    call: Call, points: Callable, weights: list[float], at_once: int = 256, *, absolute: bool = False
) -> list[Tensor]:
    """Σ weights[s] · gradient(points of step s) [· factor], `at_once` rows at a time.

    `points(slice of steps)` returns, for each input, (steps · N, ...) and the factors or None.
    """
    check.integer("internal_batch_size", at_once, 1)
    call.need_gradients(call.inputs)
    together, totals = max(1, at_once // call.N), []
    for first in range(0, len(weights), together):
        xs, factors = points(slice(first, first + together))
        owners = torch.arange(len(xs[0]), device=xs[0].device) % call.N
        weight = xs[0].new_tensor(weights[first : first + together]).repeat_interleave(call.N)
        for part in (slice(a, a + at_once) for a in range(0, len(xs[0]), at_once)):
            gradients = call.gradients(tuple(x[part] for x in xs), owners[part])
            totals = totals or [g.new_zeros(len(g), call.N, *g.shape[2:]) for g in gradients]
            for i, g in enumerate(gradients):
                g = g.abs() if absolute else g if factors is None else g * factors[i][part]
                totals[i].index_add_(1, owners[part], g * _column(weight[part].to(g), g.ndim - 1))
    return totals


def _draws(n_samples: int, stdevs: float | int) -> list[float]:
    """Equal weights of the draws."""
    check.integer("n_samples", n_samples, 1)
    check.number("stdevs", stdevs, 0)
    return [1 / n_samples] * n_samples


def _column(values: Tensor, ndim: int) -> Tensor:
    """(M,) as (M, 1, ..., 1)."""
    return values.view(-1, *[1] * (ndim - 1))


def _noisy(xs: tuple, draws: list, stdevs: float | int, generator) -> list[Tensor]:
    """Each of `xs` once a draw, (draws · N, ...), with noise."""
    found = []
    for x in xs:
        place = {"dtype": x.dtype, "device": getattr(generator, "device", x.device)}
        noise = torch.zeros((len(draws), *x.shape), **place)
        noise = noise.normal_(0, stdevs, generator=generator) if stdevs else noise
        found.append((x + noise.to(x.device)).flatten(0, 1))
    return found
