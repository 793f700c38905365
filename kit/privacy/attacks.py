"""Attacks: what a model, a gradient or a text model gives away, measured.

membership_inference  MembershipInference  epsilon_lower_bound
logit_confidence  lira_scores  invert_linear_gradient  invert_gradients
exposure  sequence_losses

An attack that succeeds proves a leak; one that fails proves nothing, a better one may come.
So what is derived from attacks is a lower bound on epsilon, to be read beside the accountant's
upper bound; the truth is between. Scores are "the higher, the more likely a member": give -loss.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from kit import check
from kit.metrics import clopper_pearson_interval, roc_auc_score
from kit.privacy.mechanisms import noise_generator
from kit.shapes import Float, Int, Tensor

#: Below so many shadow models one deviation is shared by all samples (Carlini et al. 2022, section V-C).
OWN_DEVIATION_FROM = 64


@dataclass(frozen=True)
class MembershipInference:
    """How well scores tell members from others.

    auc: chance that a member scores above another. advantage: largest TPR - FPR.
    tpr_at_1_percent: TPR where FPR <= 1%, what matters to those few it hits. threshold: of the rule
    behind epsilon_lower, for which see `epsilon_lower_bound`: its assumption (independent
    trials) holds only roughly for scores from one training run. Lesson: 19
    """

    auc: float
    advantage: float
    tpr_at_1_percent: float
    threshold: float
    epsilon_lower: float


def membership_inference(
    member_scores, nonmember_scores, *, delta: float = 0.0, confidence: float = 0.95, seed: int = 0
) -> MembershipInference:
    """Judge an attack by its scores of members and of others like them.

    The threshold is chosen on a random half and epsilon bounded on the other, for a threshold chosen
    where it is judged would flatter. The others must be drawn as the members were: scores that
    differ by date or source show that, not membership.

    Shapes: member_scores (N,), nonmember_scores (M,), four or more each.
    Raises: ValueError for fewer, scores that are not finite, delta not in [0, 1), confidence not in (0, 1).
    Source: Yeom et al. 2018 (loss threshold); Carlini et al. 2022; Jagielski, Ullman & Oprea 2020. Lesson: 19
    """
    generator, sides = np.random.default_rng(seed), {"member": member_scores, "nonmember": nonmember_scores}
    inside, outside = (generator.permutation(_scores(f"{n}_scores", v, 4)) for n, v in sides.items())
    (choose_in, judge_in), (choose_out, judge_out) = np.array_split(inside, 2), np.array_split(outside, 2)
    thresholds = np.unique(np.concatenate([choose_in, choose_out]))
    # One hit and one miss more for each, so that a lucky 0 of few does not win.
    hits, alarms = (
        _reached(np.append(side, [math.inf, -math.inf]), thresholds) for side in (choose_in, choose_out)
    )
    best = thresholds[np.argmax(np.maximum(hits / alarms, (1 - alarms) / (1 - hits)))]
    counts = int((judge_in >= best).sum()), len(judge_in), int((judge_out >= best).sum()), len(judge_out)
    bound = epsilon_lower_bound(*counts, delta=delta, confidence=confidence)
    both = np.concatenate([inside, outside])
    tpr, fpr = (_reached(side, np.append(both, math.inf)) for side in (inside, outside))
    auc = roc_auc_score(np.arange(len(both)) < len(inside), both)
    return MembershipInference(
        auc, float((tpr - fpr).max()), float(tpr[fpr <= 0.01].max()), float(best), bound
    )


def _reached(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """The share of scores that reach each threshold."""
    return (len(scores) - np.searchsorted(np.sort(scores), thresholds, side="left")) / len(scores)


def epsilon_lower_bound(
    true_positives: int, members: int, false_positives: int, nonmembers: int, *, delta=0.0, confidence=0.95
) -> float:
    """The least epsilon that agrees with an attack's hits and false alarms.

    (epsilon, delta)-privacy demands TPR <= e^epsilon FPR + delta, and 1 - FPR <= e^epsilon (1 - TPR) + delta.
    Both rates are replaced by the ends of their Clopper-Pearson intervals that favour
    privacy; so with probability `confidence` the true epsilon is at least the result.

    That needs independent trials with a rule fixed beforehand: strictly, one training run a
    trial. Many samples of one run are related, and the result is then an estimate (for bounds from one run
    see Steinke, Nasr & Jagielski 2023).
    Raises: ValueError for counts out of range. Source: Kairouz, Oh & Viswanath 2015, theorem 2.1;
    Jagielski, Ullman & Oprea 2020, section 4. Lesson: 19
    """
    check.number("delta", delta, 0, below=1)
    hits = clopper_pearson_interval(true_positives, members, confidence=confidence)
    alarms = clopper_pearson_interval(false_positives, nonmembers, confidence=confidence)
    pairs = ((hits.low, alarms.high), (1 - alarms.high, 1 - hits.low))
    return max(math.log(max(1.0, (good - delta) / bad)) if bad > 0 else 0.0 for good, bad in pairs)


def logit_confidence(logits: Float[Tensor, "N C"], targets: Int[Tensor, "N"]) -> Float[Tensor, "N"]:
    """log p/(1-p) of the right class, z_y - logsumexp of the others: nearly normal.

    Raises: ValueError for logits not (N, C) with C >= 2. Source: Carlini et al. 2022, section V-A. Lesson: 19
    """
    check.tensor("logits", logits, ndim=2, kind="float")
    check.integer("classes of logits", logits.shape[1], 2)
    check.same_length(logits=logits, targets=targets)
    own = logits.gather(1, targets[:, None])
    others = logits.scatter(1, targets[:, None], -math.inf)
    return own.squeeze(1) - others.logsumexp(dim=1)


def lira_scores(target: Float[Tensor, "N"], shadows: Float[Tensor, "S N"]) -> Float[Tensor, "N"]:
    """Offline likelihood ratio: how unusual each confidence is for a model without it.

    (target - mean of shadows) / deviation, which orders samples as 1 - P[N(mean, deviation^2) > target] does.
    target: `logit_confidence` under the model attacked; shadows: under S >= 2 models trained without the
    sample, on like data. Below 64 of them the deviation is shared by all samples.

    Raises: ValueError for other shapes or fewer than two shadows.
    Source: Carlini et al. 2022, algorithm 1 and equation 4 (offline). Lesson: 19
    """
    check.tensor("target", target, ndim=1, kind="float")
    check.tensor("shadows", shadows, ndim=2, last=len(target), kind="float")
    check.integer("shadow models", len(shadows), 2)
    variance = shadows.var(dim=0) if len(shadows) >= OWN_DEVIATION_FROM else shadows.var(dim=0).mean()
    return (target - shadows.mean(dim=0)) / variance.clamp(min=1e-12).sqrt()


def invert_linear_gradient(weight: Float[Tensor, "O I"], bias: Float[Tensor, "O"]) -> Float[Tensor, "I"]:
    """The input of a linear layer from the gradient of one sample: dW_o / db_o.

    For y = W x + b is dL/dW = (dL/dy) x^T and dL/db = dL/dy, so each row holds x. Taken from the row with
    the largest |db|; exact but for rounding (about 6e-8 in float32).

    Raises: ValueError where the bias's gradient is 0, one is not finite, or the gradient is not that of one
    sample (rank 1).
    Source: Phong et al. 2018, section III; Geiping et al. 2020, proposition 3.1. Lesson: 19
    """
    check.tensor("weight", weight, ndim=2, kind="float")
    check.same_length(weight=weight, bias=bias)
    check.finite("weight", weight)
    check.finite("bias", bias)
    row = int(bias.abs().argmax())
    if bias[row] == 0:
        raise ValueError("bias holds only 0, so no row carries the input; take a layer whose unit was active")
    x = weight[row] / bias[row]
    rest = float((weight - bias[:, None] * x).norm() / weight.norm().clamp(min=1e-30))
    if rest > 1e-3:
        raise ValueError(f"weight differs by {rest:.2g} from bias x^T, of one sample; use invert_gradients")
    return x


def invert_gradients(
    module: nn.Module, loss: Callable, gradients: Mapping, *, shape, targets, steps: int = 300, generator=None
) -> tuple[Tensor, float]:
    """Search inputs (*shape) whose gradient equals the one shared, by L-BFGS.

    min_x sum |grad loss(f(x), y) - gradient|^2 from normal noise. -> the inputs, and what is left of that sum
    relative to |gradient|^2; near 0 where the gradient is explained, which need not mean the right image.
    Works for small nets with smooth activations and small batches; ReLU has no second derivative to follow.
    targets: known or guessed; for one sample under cross-entropy the class is the only negative entry of the
    last bias's gradient. gradients: {parameter's name: gradient}. generator: a torch.Generator, or None.

    Raises: ValueError for no gradients, or names that are not module's parameters.
    Source: Zhu, Liu & Han 2019, algorithm 1; Zhao et al. 2020 (the class). Lesson: 19
    """
    parameters = {name: p.detach().requires_grad_() for name, p in module.named_parameters()}
    for name in gradients:
        check.one_of("gradient", name, parameters)
    check.nonempty("gradients", gradients)
    used, like = [parameters[name] for name in gradients], next(iter(gradients.values()))
    size = sum(g.square().sum() for g in gradients.values()).clamp(min=1e-30)
    x = torch.empty(shape, dtype=like.dtype, device=like.device)
    x.normal_(generator=noise_generator(generator, like.device)).requires_grad_()
    exact = {"tolerance_grad": 1e-14, "tolerance_change": 1e-18}
    optimizer = torch.optim.LBFGS([x], max_iter=steps, line_search_fn="strong_wolfe", **exact)

    def relative_distance() -> Tensor:
        value = loss(functional_call(module, parameters, (x,)), targets)
        found = torch.autograd.grad(value, used, create_graph=True)
        distance = sum((a - b).square().sum() for a, b in zip(found, gradients.values())) / size
        x.grad = torch.autograd.grad(distance, x)[0]
        return distance.detach()

    optimizer.step(relative_distance)
    return x.detach(), float(relative_distance())


def exposure(secret_loss: float, candidate_losses) -> float:
    """Bits by which a planted secret stands out among others of its form.

    log2(n + 1) - log2(rank), n candidates never trained on, rank = 1 + those that the model finds at least as
    likely. 1/ln 2 = 1.44 on average for a secret that was not learned, and log2(n + 1) at most: with a random
    sample of candidates a larger one cannot be seen.

    Shapes: candidate_losses (n,), in the unit of secret_loss. Raises: ValueError for none, NaN or infinity.
    Source: Carlini et al. 2019, section 4 (exposure, and its approximation by sampling). Lesson: 19
    """
    check.number("secret_loss", secret_loss)
    others = _scores("candidate_losses", candidate_losses, 1)
    return math.log2(len(others) + 1) - math.log2(1 + int((others <= float(secret_loss)).sum()))


@torch.no_grad()
def sequence_losses(model: Callable, tokens: Int[Tensor, "N T"], *, start: int = 1) -> Float[Tensor, "N"]:
    """-log P of tokens[start:] given what precedes them, summed over each row, in nats.

    model: token ids (N, T) -> logits (N, T, V), causal (logits at t see tokens up to t), in evaluation mode.
    `start` leaves out the common prompt. Raises: ValueError for start not in 1 ... T-1.
    Source: Carlini et al. 2019, section 4 (log-perplexity). Lesson: 19
    """
    check.tensor("tokens", tokens, ndim=2, kind="integer")
    check.integer("start", start, 1, tokens.shape[1] - 1)
    log_p = model(tokens)[:, start - 1 : -1].log_softmax(dim=-1)  # (N, T - start, V)
    return -log_p.gather(2, tokens[:, start:, None]).sum(dim=(1, 2))


def _scores(name: str, values, least: int) -> np.ndarray:
    array = torch.as_tensor(values, dtype=torch.float64).detach().cpu().numpy().ravel()
    if len(array) < least:
        raise ValueError(f"{name} has {len(array)} entries, {least} are needed; score more samples")
    check.finite(name, array)
    return array
