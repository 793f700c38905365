"""Exercises of lesson 09: pre-training, BERT, GPT, fine-tuning."""

import math

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def expected_mask_tokens():
    chosen = 0.15 * 512  # positions that BERT must guess
    return 0.80 * chosen  # of these, 80 % become [MASK]


def loss_of_a_uniform_guess():
    vocabulary = 30_522
    return -math.log(1 / vocabulary)  # the same for every true token


def quadrant_pairs(picture):
    import torch

    h, w = picture.shape[0] // 2, picture.shape[1] // 2
    corner, right = picture[:h, :w], picture[:h, w:]
    below, diagonal = picture[h:, :w], picture[h:, w:]
    pairs = torch.stack([torch.stack([corner, other]) for other in (right, below, diagonal)])
    return pairs, torch.arange(3)  # nobody had to look at the picture


def first_leak(model, tokens, vocabulary):
    before = model(tokens)
    leaks = []
    for changed in range(1, len(tokens)):
        other = tokens.clone()
        other[changed] = (other[changed] + 1) % vocabulary
        moved = (model(other) != before).any(1)  # positions that noticed
        leaks += [t for t in range(changed) if moved[t]]  # they may not: they come earlier
    return min(leaks, default=-1)


def top_p(probabilities, p):
    ordered, index = probabilities.sort(descending=True)
    before = ordered.cumsum(0) - ordered  # what all likelier tokens have together
    kept = probabilities.clone()
    kept[index[before >= p]] = 0
    return kept / kept.sum()


def lora_forward(x, w, a, b, alpha):
    rank = a.shape[0]
    return x @ w.T + alpha / rank * (x @ a.T) @ b.T  # never forms the matrix b @ a


def why_pretraining_needs_a_design():
    return {"the number of weights", "the order of the layers"}


def encode_word(word, merges):
    symbols = list(word)
    for pair in merges:  # in the order in which they were learned
        joined = []
        for symbol in symbols:
            if joined and (joined[-1], symbol) == pair:
                joined[-1] += symbol
            else:
                joined.append(symbol)
        symbols = joined
    return symbols


def _draw_picture(rng):
    import torch

    shape = 2 * int(rng.integers(1, 5)), 2 * int(rng.integers(1, 5))
    return (torch.from_numpy(rng.normal(size=shape)),)


def _draw_model(rng):
    """A random model; position `early` (or none) also looks at a later one."""
    import torch

    length, vocabulary = int(rng.integers(3, 8)), 11
    table = torch.from_numpy(rng.normal(size=(vocabulary, 4)))
    sees = torch.ones(length, length, dtype=torch.bool).tril()
    for _ in range(int(rng.integers(0, 3))):
        early = int(rng.integers(0, length - 1))
        sees[early, int(rng.integers(early + 1, length))] = True

    def model(tokens):
        return sees.double() @ table[tokens]

    return model, torch.from_numpy(rng.integers(0, vocabulary, size=length)), vocabulary


def _draw_chances(rng):
    import torch

    chances = torch.from_numpy(rng.dirichlet([0.7] * int(rng.integers(3, 9))))
    return chances, float(rng.uniform(0.2, 0.97))


def _draw_lora(rng):
    import torch

    rows, columns, rank = 5, 4, int(rng.integers(2, 4))
    parts = (rng.normal(size=s) for s in ((3, columns), (rows, columns), (rank, columns), (rows, rank)))
    return *(torch.from_numpy(part) for part in parts), float(rng.uniform(4, 20))


def _draw_word(rng):
    word = "".join(rng.choice(list("abc"), size=int(rng.integers(3, 12))))
    merges, known = [], list("abc")
    for _ in range(4):
        pair = tuple(str(part) for part in rng.choice(known, size=2))
        if pair not in merges:
            merges.append(pair)
            known.append(pair[0] + pair[1])
    return word, merges


def _pairs_by_columns(picture):
    import torch

    h, w = picture.shape[0] // 2, picture.shape[1] // 2
    others = (picture[h:, :w], picture[:h, w:], picture[h:, w:])
    return torch.stack([torch.stack([picture[:h, :w], o]) for o in others]), torch.arange(3)


def _pairs_from_one(picture):
    pairs, labels = quadrant_pairs(picture)
    return pairs, labels + 1


def _others_alone(picture):
    pairs, labels = quadrant_pairs(picture)
    return pairs[:, 1], labels


def _pairs_exchanged(picture):
    pairs, labels = quadrant_pairs(picture)
    return pairs.flip(1), labels


def _last_token_only(model, tokens, vocabulary):
    other = tokens.clone()
    other[-1] = (other[-1] + 1) % vocabulary
    moved = (model(other) != model(tokens)).any(1)[:-1]
    return int(moved.nonzero()[0]) if moved.any() else -1


def _any_leak(model, tokens, vocabulary):
    return first_leak(model, tokens, vocabulary) >= 0


def _itself_counts(model, tokens, vocabulary):
    return 0


def _changed_place(model, tokens, vocabulary):
    before = model(tokens)
    for changed in range(1, len(tokens)):
        other = tokens.clone()
        other[changed] = (other[changed] + 1) % vocabulary
        if (model(other) != before).any(1)[:changed].any():
            return changed
    return -1


def _drops_the_crossing(probabilities, p):
    ordered, index = probabilities.sort(descending=True)
    kept = probabilities.clone()
    kept[index[ordered.cumsum(0) > p]] = 0
    return kept / kept.sum()


def _not_rescaled(probabilities, p):
    return probabilities * (top_p(probabilities, p) > 0)


def _below_a_level(probabilities, p):
    kept = probabilities * (probabilities >= p)
    return kept / kept.sum()


def _sorted_result(probabilities, p):
    return top_p(probabilities, p).sort(descending=True).values


def _lora_without_scale(x, w, a, b, alpha):
    return x @ w.T + x @ a.T @ b.T


def _lora_alpha_only(x, w, a, b, alpha):
    return x @ w.T + alpha * x @ a.T @ b.T


def _lora_change_only(x, w, a, b, alpha):
    return alpha / a.shape[0] * x @ a.T @ b.T


def _lora_replaced(x, w, a, b, alpha):
    return alpha / a.shape[0] * (x @ w.T + x @ a.T @ b.T)


def _by_length(word, merges):
    pieces = sorted({a + b for a, b in merges}, key=len, reverse=True)
    found, place = [], 0
    while place < len(word):
        piece = next((p for p in pieces if word.startswith(p, place)), word[place])
        found.append(piece)
        place += len(piece)
    return found


def _once_each(word, merges):
    symbols = list(word)
    for pair in merges:
        for i in range(len(symbols) - 1):
            if (symbols[i], symbols[i + 1]) == pair:
                symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]
                break
    return symbols


def _last_merge_first(word, merges):
    return encode_word(word, merges[::-1])


EXERCISES = (
    Exercise(
        "1",
        "How many masks in a full text?",
        1,
        2,
        ("15 % of the 512 positions are chosen", "of the chosen ones 80 % are replaced by [MASK]"),
        Number(
            expected_mask_tokens,
            (
                Mistake(76.8, "this is how many positions are chosen; not all of them become [MASK]"),
                Mistake(409.6, "80 % of all positions: only those chosen, 15 %, can become [MASK]"),
                Mistake(7.68, "this is 10 % of the chosen ones, those that become a random token"),
                Mistake(69.12, "90 % of the chosen are changed, but 10 % of them to a random token"),
            ),
        ),
    ),
    Exercise(
        "2",
        "The loss before BERT has learned anything",
        1,
        2,
        ("every one of the 30,522 tokens gets the probability 1/30,522", "the loss is -ln of it, in nats"),
        Number(
            loss_of_a_uniform_guess,
            (
                Mistake(math.log2(30_522), "this is in bits; take the natural logarithm"),
                Mistake(math.log10(30_522), "take the natural logarithm, not the one to base 10"),
                Mistake(-math.log(30_522), "a loss is positive: minus the logarithm of 1/30,522"),
                Mistake(1 / 30_522, "this is the probability; the loss is minus its logarithm"),
                Mistake(math.log(50_257), "this is GPT-2's vocabulary; BERT's has 30,522 tokens"),
            ),
            absolute=0.005,
            relative=0.0,
        ),
    ),
    Exercise(
        "3",
        "A pretext that nobody had to label",
        2,
        7,
        (
            "cut rows and columns in the middle: picture[:h, :w] is the quarter at the top left",
            "stack the top left quarter with each other one, then stack the three pairs; labels 0, 1, 2",
        ),
        Function(
            quadrant_pairs,
            _draw_picture,
            (
                Mistake(_pairs_by_columns, "label 0 is the quarter to the right, label 1 the one below"),
                Mistake(_pairs_from_one, "the labels are 0, 1, 2"),
                Mistake(_others_alone, "a pair is the top left quarter and the other one: (3, 2, H/2, W/2)"),
                Mistake(_pairs_exchanged, "the top left quarter comes first in each pair"),
            ),
        ),
    ),
    Exercise(
        "4",
        "Does the mask leak?",
        2,
        8,
        (
            "change one token, ask again, and look which positions BEFORE it give other logits",
            "do it for every position from 1 on; keep the smallest position that noticed",
        ),
        Function(
            first_leak,
            _draw_model,
            (
                Mistake(_last_token_only, "a leak need not come from the last token: change each in turn"),
                Mistake(_any_leak, "return the position that noticed, or -1"),
                Mistake(_itself_counts, "a position may see its own token; only earlier ones may not"),
                Mistake(_changed_place, "this is the token that leaked; return the position that saw it"),
            ),
        ),
    ),
    Exercise(
        "5",
        "Top-p by hand",
        2,
        6,
        (
            "sort descending and add up what stands before each token",
            "a token goes when those before it already reach p; then divide by the sum of the rest",
        ),
        Function(
            top_p,
            _draw_chances,
            (
                Mistake(_drops_the_crossing, "the token with which the sum reaches p stays"),
                Mistake(_not_rescaled, "what is left must add up to 1 again"),
                Mistake(_below_a_level, "p is no level for a single token, but for the sum of the likeliest"),
                Mistake(_sorted_result, "put the probabilities back in their old places"),
            ),
        ),
    ),
    Exercise(
        "6",
        "The forward pass of LoRA",
        2,
        5,
        (
            "the frozen layer gives x @ w.T; the change is added to it",
            "the change is x @ a.T @ b.T, times alpha over the rank, which is a.shape[0]",
        ),
        Function(
            lora_forward,
            _draw_lora,
            (
                Mistake(_lora_without_scale, "the change is multiplied by alpha / rank"),
                Mistake(
                    _lora_alpha_only, "divide alpha by the rank, so that its meaning survives a new rank"
                ),
                Mistake(_lora_change_only, "add what the frozen layer gives"),
                Mistake(_lora_replaced, "only the change is scaled, not the frozen layer"),
            ),
        ),
    ),
    Exercise(
        "7",
        "What must be fixed before pre-training",
        1,
        2,
        (
            "ask of each: can a gradient step be taken while it is undecided?",
            "a weight matrix without a size has no gradient; a task that comes later needs none",
        ),
        Choice(
            (
                "the number of weights",
                "the order of the layers",
                "the classes of the later task",
                "the number of labels",
                "the text of the reviews to be judged",
            ),
            why_pretraining_needs_a_design,
            (
                Mistake(
                    "the number of weights", "one more: the same matrices can be strung together otherwise"
                ),
                Mistake("the order of the layers", "one more: how large is each matrix?"),
                Mistake(
                    {"the number of weights", "the order of the layers", "the classes of the later task"},
                    "the classes came after pre-training in this lesson: a new last layer was put on",
                ),
                Mistake("the number of labels", "pre-training used none; what does it need?"),
            ),
        ),
    ),
    Exercise(
        "8",
        "Encode a word with learned merges",
        3,
        15,
        (
            "begin with the single characters; go through the merges in the order they were learned",
            "for one merge walk from the left: where the last symbol kept and the next are the pair, join",
        ),
        Function(
            encode_word,
            _draw_word,
            (
                Mistake(_by_length, "the longest piece does not win; the merge that was learned first does"),
                Mistake(_once_each, "a merge applies everywhere in the word, not once"),
                Mistake(_last_merge_first, "the earliest merge comes first: later ones build on it"),
            ),
            trials=40,
        ),
    ),
)
