"""Metrics of text: how many edits lie between what was said and what was heard.

word_error_rate  character_error_rate  align  Alignment
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kit import check


@dataclass(frozen=True)
class Alignment:
    """The cheapest way from a reference to a hypothesis, step by step.

    `steps` holds (operation, reference token or None, hypothesis token or None) with
    the operations "equal", "substitute", "delete" (missing in the hypothesis) and
    "insert" (not in the reference). Lesson: 01.
    """

    steps: tuple

    def count(self, operation: str) -> int:
        """How many steps are `operation`."""
        check.one_of("operation", operation, ("equal", "substitute", "delete", "insert"))
        return sum(step[0] == operation for step in self.steps)

    @property
    def distance(self) -> int:
        """Number of substitutions, deletions and insertions."""
        return len(self.steps) - self.count("equal")

    @property
    def length(self) -> int:
        """Number of reference tokens."""
        return len(self.steps) - self.count("insert")

    def __str__(self) -> str:
        """Two lines, reference above hypothesis, *** where one has no token."""
        pairs = [("***" if r is None else str(r), "***" if h is None else str(h)) for _, r, h in self.steps]
        widths = [max(len(r), len(h)) for r, h in pairs]
        rows = (" ".join(pair[i].ljust(w) for pair, w in zip(pairs, widths)).rstrip() for i in (0, 1))
        return "\n".join(rows)


def align(reference: Sequence[Any], hypothesis: Sequence[Any]) -> Alignment:
    """Align two token sequences with the fewest edits (Levenshtein).

    D(i, j) = min(D(i-1, j-1) + [r_i != h_j], D(i-1, j) + 1, D(i, j-1) + 1); of equally
    cheap ways the one with most pairs at the end is taken. Time and memory O(N M).

    Shapes: reference (N,), hypothesis (M,), lists of words or strings of characters.
    Source: Levenshtein (1966); Wagner & Fischer (1974). Lesson: 01.
    """
    n, m = len(reference), len(hypothesis)
    cost = np.zeros((n + 1, m + 1), dtype=np.int32)
    cost[:, 0], cost[0, :] = np.arange(n + 1), np.arange(m + 1)
    columns = np.arange(1, m + 1, dtype=np.int32)
    ids = {}
    r_ids = [ids.setdefault(token, len(ids)) for token in reference]
    h_ids = np.array([ids.setdefault(token, len(ids)) for token in hypothesis], dtype=np.int64)
    for i in range(1, n + 1):
        best = np.minimum(cost[i - 1, :-1] + (h_ids != r_ids[i - 1]), cost[i - 1, 1:] + 1)
        # an insertion adds 1 per column: min over k <= j of best_k + (j - k), as one running minimum
        running = np.minimum.accumulate(np.concatenate([[i], best - columns]))
        cost[i, 1:] = running[1:] + columns
    return Alignment(_trace(cost, reference, hypothesis))


def word_error_rate(reference: str | list[str], hypothesis: str | list[str]) -> float:
    """Edits between the words of two texts, per reference word (WER).

    (S + D + I) / N with words split at white space; above 1 when much is inserted.
    Lists of sentences are aligned pairwise and counted together, so that long sentences
    weigh more. Case and punctuation count: normalize first. Chinese has no spaces:
    use `character_error_rate`.

    Raises: ValueError for an empty reference or lists of unequal length.
    Source: Woodard & Nelson (1982); Jurafsky & Martin, ch. 16. Lesson: 01.
    """
    return _error_rate(reference, hypothesis, str.split)


def character_error_rate(reference: str | list[str], hypothesis: str | list[str]) -> float:
    """Edits between the characters of two texts, per reference character (CER).

    Spaces count as characters. Arguments and errors as `word_error_rate`. Lesson: 01.
    """
    return _error_rate(reference, hypothesis, list)


def _error_rate(reference, hypothesis, tokenize) -> float:
    references = [reference] if isinstance(reference, str) else list(reference)
    hypotheses = [hypothesis] if isinstance(hypothesis, str) else list(hypothesis)
    check.same_length(reference=references, hypothesis=hypotheses)
    found = [align(tokenize(r), tokenize(h)) for r, h in zip(references, hypotheses)]
    length = sum(a.length for a in found)
    if length == 0:
        raise ValueError(
            f"reference={reference!r} holds no token, the rate is undefined; give a reference text"
        )
    return sum(a.distance for a in found) / length


def _trace(cost: np.ndarray, reference, hypothesis) -> tuple:
    """Walk back from the corner of the cost table, diagonal steps first."""
    steps = []
    i, j = len(reference), len(hypothesis)
    while i or j:
        r = reference[i - 1] if i else None
        h = hypothesis[j - 1] if j else None
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (r != h):
            steps.append(("equal" if r == h else "substitute", r, h))
            i, j = i - 1, j - 1
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            steps.append(("delete", r, None))
            i -= 1
        else:
            steps.append(("insert", None, h))
            j -= 1
    return tuple(reversed(steps))
