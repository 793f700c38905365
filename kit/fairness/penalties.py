"""Mitigation during training: add a penalty to the loss, or an adversary.

demographic_parity_penalty  equalized_odds_penalty  individual_penalty
gradient_reversal  AdversarialLoss

Outputs are whatever should be alike: probabilities (N,) or (N, C), or a regression's predictions.
`group` holds whole numbers; make them from texts with torch.tensor(factorize("sex", texts)[0]).
"""

import torch
from torch import nn
from torch.nn import functional as F

from kit import check
from kit.shapes import Float, Int, Num, Tensor


def demographic_parity_penalty(outputs: Float[Tensor, "N *C"], group: Int[Tensor, " N"]) -> Tensor:
    """Variance of the mean output between groups, a scalar.

    The sum of P(g) |mean_g - mean|^2: 0 where all groups have the same mean output, in squared units
    of the output. Two equal groups whose means lie d apart give d^2 / 4. Groups should be large in
    a batch: the mean of n rows adds about variance / n by chance.

    Raises: TypeError unless outputs are floating and group whole, ValueError for unequal lengths.
    Source: the discrimination score of Calders & Verwer 2010, doi:10.1007/s10618-010-0190-x,
    squared and for many groups. Lesson: 20.
    """
    check.tensor("outputs", outputs, ndim=(1, 2), kind="float")
    check.tensor("group", group, ndim=1, kind="integer")
    check.same_length(outputs=outputs, group=group)
    code = torch.unique(group, return_inverse=True)[1]
    member = F.one_hot(code).to(outputs.dtype)  # (N, G)
    n, table = member.sum(dim=0), outputs.reshape(len(outputs), -1)  # (G,), (N, C)
    gap = member.T @ table / n[:, None] - table.mean(dim=0)  # (G, C)
    return (n / n.sum()) @ gap.square().sum(dim=1)


def equalized_odds_penalty(
    outputs: Float[Tensor, "N *C"], group: Int[Tensor, " N"], target: Int[Tensor, " N"]
) -> Float[Tensor, ""]:
    """`demographic_parity_penalty` within every true class, averaged over the rows.

    For equal opportunity give the rows of the favoured class alone; for a regression give bins
    of the target, `torch.bucketize(target, edges)`.

    Raises: as `demographic_parity_penalty`, also for `target`.
    Source: Hardt, Price & Srebro 2016, arXiv:1610.02413, definition 2.1. Lesson: 20.
    """
    check.tensor("target", target, ndim=1, kind="integer")
    check.same_length(outputs=outputs, group=group, target=target)
    parts = [target == c for c in torch.unique(target)]
    return sum(demographic_parity_penalty(outputs[part], group[part]) * part.sum() for part in parts) / len(
        target
    )


def individual_penalty(
    outputs: Float[Tensor, "N *C"], features: Float[Tensor, "N D"], *, lipschitz=1.0
) -> Tensor:
    """Similar people, similar outputs: pairs should differ by at most L |x_i - x_j|.

    Mean over the pairs of max(0, |o_i - o_j| - L |x_i - x_j|)^2, a scalar, 0 for one row, with Euclidean
    distances and L = `lipschitz`; `features` are scaled so that distances mean something, without what
    should not matter. Takes N^2 memory: meant for batches.

    Raises: TypeError unless floating, ValueError for unequal lengths or lipschitz < 0.
    Source: Dwork et al. 2012, arXiv:1104.3913, definition 2.1. Lesson: 20.
    """
    check.tensor("outputs", outputs, ndim=(1, 2), kind="float")
    check.tensor("features", features, ndim=2, kind="float")
    check.same_length(outputs=outputs, features=features)
    check.number("lipschitz", lipschitz, 0)
    i, j = torch.triu_indices(len(outputs), len(outputs), 1)
    table = outputs.reshape(len(outputs), -1)
    far = (table[i] - table[j]).norm(dim=1) - lipschitz * (features[i] - features[j]).norm(dim=1)
    return far.clamp(min=0).square().sum() / max(1, len(far))


def gradient_reversal(x: Float[Tensor, "*N"], strength: float | int = 1.0) -> Float[Tensor, "*N"]:
    """x itself going forward, and -strength times the gradient going back.

    What comes before learns the opposite of what comes after. Raises: ValueError for strength < 0.
    Source: Ganin et al. 2016, arXiv:1505.07818, eq. 17-18. Lesson: 20.
    """
    check.number("strength", strength, 0)
    seen = x.clone()
    if seen.requires_grad:
        seen.register_hook(lambda gradient: -strength * gradient)
    return seen


class AdversarialLoss(nn.Module):
    """An adversary guesses the group from the outputs; the model unlearns it.

        adversary = AdversarialLoss(nn.Linear(1, 2), strength=1.0)
        optimizer = AdamW([*model.parameters(), *adversary.parameters()])
        loss = bce_with_logits(logits, y) + adversary(logits, group)

    adversary: a module from (N, D) to the logits of the groups; D is the outputs' width, plus
    that of `target` where it is given (labels as columns), which turns demographic parity into
    equalized odds. Groups are numbered from 0. Returns the adversary's cross-entropy in nats, log(groups)
    when it is lost. Unlike the paper's the model's gradient is not projected.
    Raises: TypeError unless group is whole, ValueError for unequal lengths.
    Source: Zhang, Lemoine & Mitchell 2018, arXiv:1801.07593, sections 3 and 4. Lesson: 20.
    """

    def __init__(self, adversary: nn.Module, *, strength: float | int = 1.0):
        super().__init__()
        check.number("strength", strength, 0)
        self.adversary, self.strength = adversary, strength

    def forward(
        self,
        outputs: Float[Tensor, "N *C"],
        group: Int[Tensor, " N"],
        target: Num[Tensor, "N *K"] | None = None,
    ) -> Float[Tensor, ""]:
        check.tensor("group", group, ndim=1, kind="integer")
        check.same_length(outputs=outputs, group=group)
        seen = gradient_reversal(outputs, self.strength).reshape(len(outputs), -1)
        if target is not None:
            check.same_length(outputs=outputs, target=target)
            seen = torch.cat([seen, target.reshape(len(outputs), -1).to(seen.dtype)], dim=1)
        return F.cross_entropy(self.adversary(seen), group.long())
