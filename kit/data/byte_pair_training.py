"""Learn byte pairs from a text: join the commonest pair, and again.

train_merges
"""

import heapq
from collections import Counter, defaultdict
from itertools import pairwise

from kit.data.pretokens import BYTE_CHARACTERS

Pair = tuple[int, int]


def train_merges(words: Counter[str], vocabulary: list[str], size: int) -> list[Pair]:
    """Grow `vocabulary` to `size` tokens; the merges, as pairs of ids, in their order.

    `words` are counted pre-tokens, `vocabulary` begins with the special tokens and the bytes.
    Pairs are counted once, and again only where a merge changed them. Of equally common pairs
    the one with the lowest ids comes first, as in the `tokenizers` library, whose merges these
    are. Ends early when no pair is left. Source: Sennrich et al. (2016), algorithm 1. Lesson: 09.
    """
    ids = {token: i for i, token in enumerate(vocabulary)}
    counts = list(words.values())
    pieces = [[ids[BYTE_CHARACTERS[b]] for b in word.encode("utf-8")] for word in words]
    pairs: Counter[Pair] = Counter()
    where: dict[Pair, set[int]] = defaultdict(set)
    for i, piece in enumerate(pieces):
        for pair in pairwise(piece):
            pairs[pair] += counts[i]
            where[pair].add(i)
    queue = [(-pairs[pair], pair, places) for pair, places in where.items()]
    heapq.heapify(queue)
    merges: dict[Pair, None] = {}
    while queue and len(vocabulary) < size:
        count, pair, places = heapq.heappop(queue)
        if -count != pairs[pair]:  # other merges have changed it since
            if pairs[pair] > 0:
                heapq.heappush(queue, (-pairs[pair], pair, places))
            continue
        token = vocabulary[pair[0]] + vocabulary[pair[1]]
        new = ids.setdefault(token, len(vocabulary))  # two ways may lead to one token
        if new == len(vocabulary):
            vocabulary.append(token)
        merges.pop(pair, None)  # a pair that came up again in other words: its later rank holds
        merges[pair] = None
        where = defaultdict(set)
        for i in places:
            for changed, change in _join(pieces[i], pair, new):
                pairs[changed] += change * counts[i]
                if change > 0:
                    where[changed].add(i)
        for changed, touched in where.items():
            if pairs[changed] > 0:
                heapq.heappush(queue, (-pairs[changed], changed, touched))
    return list(merges)


def _join(piece: list[int], pair: Pair, new: int) -> list[tuple[Pair, int]]:
    """Put `new` in the place of every `pair`; by how much which pairs changed."""
    changes, i = [], 0
    while pair[0] in piece[i:]:
        i = piece.index(pair[0], i)
        if piece[i + 1 : i + 2] == [pair[1]]:
            piece[i : i + 2] = [new]
            if i > 0:
                changes += [((piece[i - 1], pair[0]), -1), ((piece[i - 1], new), 1)]
            if i < len(piece) - 1:
                changes += [((pair[1], piece[i + 1]), -1), ((new, piece[i + 1]), 1)]
        i += 1
    return changes
