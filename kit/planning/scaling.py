"""Scaling laws: the straight line on log-log paper, fitted with its uncertainty.

fit_power_law  PowerLaw
"""

import math
from dataclasses import dataclass

import numpy as np

from kit import check
from kit.metrics.intervals import Interval, t_quantile

_HUBER = 1.345  # times the noise: 95 % as efficient as least squares on normal noise


@dataclass(frozen=True)
class PowerLaw:
    """y = a x^-b + c with an interval for each coefficient.

    `noise` is the standard deviation of ln y around the law (0.02 means 2 %).
    Units: `a` and `c` have y's unit (a at x = 1), `b` none. Lesson: 01.
    """

    a: Interval
    b: Interval
    c: Interval
    noise: float

    def __call__(self, x):
        """y of the law at x, (N,) or a number. Beyond the fitted x it is a guess."""
        return self.a.estimate * np.asarray(x, dtype=np.float64) ** -self.b.estimate + self.c.estimate

    def __str__(self) -> str:
        floor = f" + {self.c.estimate:.4g}" if self.c.estimate else ""
        span = f"(b in [{self.b.low:.4g}, {self.b.high:.4g}])"
        return f"y = {self.a.estimate:.4g} x^-{self.b.estimate:.4g}{floor} {span}"


def fit_power_law(x, y, *, floor: float | int | None = 0, loss: str = "squares", confidence: float = 0.95):
    """Fit y = a x^-b + c to positive data by its logarithm.

    `floor` is c: a number keeps it fixed (0: a straight line on log-log paper), None fits
    it too, which needs x over more than a decade to mean anything. `loss` is "squares"
    (textbook intervals for log-normal noise) or "huber", which a few wild points cannot
    move. Minimizes the sum of loss(ln y - ln(a x^-b + c)); intervals are Student's t on
    the linearized fit, that of `a` on its logarithm and that of `c` cut at 0.

    Shapes: x (N,), y (N,) -> PowerLaw; N >= 3, or 4 with a fitted floor.
    Raises: ValueError for too few, equal, non-positive values or y below a fixed floor.
    Source: Kaplan et al. (2020), eq. 1.1; Hoffmann et al. (2022), eq. 2 and 3. Lesson: 01.
    """
    u, y = _positive("x", x), _positive("y", y)
    check.same_length(x=u, y=y)
    check.one_of("loss", loss, ("squares", "huber"))
    check.number("confidence", confidence, above=0, below=1)
    needed = 4 if floor is None else 3
    if len(np.unique(u)) < needed:
        raise ValueError(
            f"x holds {len(np.unique(u))} different values, {needed} are needed; measure more sizes"
        )
    u = np.log(u)
    if floor is not None:
        check.number("floor", floor, 0, below=float(y.min()))
        return _fixed_floor(u, y, float(floor), loss, confidence)
    return _fitted_floor(u, np.log(y), loss, confidence)


def _fixed_floor(u, y, floor: float, loss: str, confidence: float) -> PowerLaw:
    """ln(y - c) = ln a - b u is linear; Huber by reweighting."""
    design = np.stack([np.ones_like(u), -u], axis=1)  # (N, 2)
    target = np.log(y - floor)
    theta = np.linalg.lstsq(design, target, rcond=None)[0]
    weights = np.ones_like(u)
    for _ in range(100 if loss == "huber" else 0):
        weights = _huber_weights(target - design @ theta)
        root = np.sqrt(weights)
        new = np.linalg.lstsq(design * root[:, None], target * root, rcond=None)[0]
        done = np.allclose(new, theta, rtol=1e-12, atol=1e-14)
        theta = new
        if done:
            break
    return _law(theta, design, target - design @ theta, weights, floor, confidence)


def _fitted_floor(u, target, loss: str, confidence: float) -> PowerLaw:
    """Levenberg-Marquardt on (ln a, b, ln c) from several floors, the best one wins."""
    best = None
    lowest = math.exp(target.min())
    for share in (0.02, 0.2, 0.5, 0.8, 0.95):
        start = _fixed_floor(u, np.exp(target), share * lowest, loss, 0.95)
        theta = np.array([math.log(start.a.estimate), start.b.estimate, math.log(share * lowest)])
        weights = np.ones_like(u)
        for _ in range(20 if loss == "huber" else 1):
            if loss == "huber":
                weights = _huber_weights(target - _model(u, theta)[0])
            theta = _descend(u, target, theta, weights)
        residual = target - _model(u, theta)[0]
        objective = float(np.abs(residual).sum() if loss == "huber" else (residual**2).sum())
        if best is None or objective < best[0]:
            best = objective, theta, weights
    _, theta, weights = best
    value, jacobian = _model(u, theta)
    return _law(theta, jacobian, target - value, weights, None, confidence)


def _model(u, theta) -> tuple[np.ndarray, np.ndarray]:
    """ln(a x^-b + c), (N,), and its derivatives, (N, 3)."""
    log_a, b, log_c = theta
    power = log_a - b * u
    value = np.logaddexp(power, log_c)
    s = np.exp(power - value)  # share of the power term
    return value, np.stack([s, -u * s, np.exp(log_c - value)], axis=1)


def _descend(u, target, theta, weights) -> np.ndarray:
    """Weighted least squares from `theta`, damped so that every step improves."""
    damping, root = 1e-3, np.sqrt(weights)
    value, jacobian = _model(u, theta)
    objective = float((weights * (target - value) ** 2).sum())
    for _ in range(500):
        j, r = jacobian * root[:, None], (target - value) * root
        hessian = j.T @ j
        step = np.linalg.lstsq(hessian + damping * np.diag(np.diag(hessian) + 1e-12), j.T @ r, rcond=None)[0]
        tried = theta + np.clip(step, -2, 2)
        new_value, new_jacobian = _model(u, tried)
        new = float((weights * (target - new_value) ** 2).sum())
        if new <= objective:
            small = np.abs(step).max() < 1e-13 * (1 + np.abs(theta).max())
            theta, value, jacobian, objective = tried, new_value, new_jacobian, new
            damping = max(damping / 5, 1e-15)
            if small:
                break
        else:
            damping *= 4
            if damping > 1e12:
                break
    return theta


def _law(theta, jacobian, residual, weights, floor: float | None, confidence: float) -> PowerLaw:
    """Coefficients with t intervals from the weighted, linearized fit."""
    n, p = jacobian.shape
    covariance = np.linalg.pinv(jacobian.T @ (jacobian * weights[:, None]))
    noise = math.sqrt(float((weights * residual**2).sum()) / (n - p))
    half = t_quantile(0.5 + confidence / 2, n - p) * noise * np.sqrt(np.diag(covariance))
    method = "t, linearized" if p == 3 else "t"

    def interval(estimate, low, high):
        return Interval(float(estimate), float(low), float(high), float(confidence), n, method)

    a = interval(*(math.exp(min(theta[0] + h, 700)) for h in (0, -half[0], half[0])))
    b = interval(theta[1], theta[1] - half[1], theta[1] + half[1])
    if floor is not None:
        return PowerLaw(a, b, Interval(floor, floor, floor, float(confidence), n, "fixed"), noise)
    c = math.exp(theta[2])  # the interval of c itself: that of ln c is useless near 0
    return PowerLaw(a, b, interval(c, max(0.0, c - c * half[2]), c + c * half[2]), noise)


def _huber_weights(residual: np.ndarray) -> np.ndarray:
    scale = 1.4826 * float(np.median(np.abs(residual))) + 1e-14
    return np.minimum(1, _HUBER * scale / np.maximum(np.abs(residual), 1e-300))


def _positive(name: str, values) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}, one dimension is needed; give one entry per model")
    check.nonempty(name, array)
    check.finite(name, array)
    bad = int((array <= 0).sum())
    if bad:
        raise ValueError(f"{name} holds {bad} values <= 0, a power law has only positive ones; remove them")
    return array
