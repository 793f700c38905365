"""Exercises of lesson 08: attention and the Transformer."""

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number

STEPS = ("embedding layer", "multi-head attention layer", "feed-forward layer", "output layer")


def parameters_of_attention():
    d = 64
    weights = 3 * d * d + d * d  # three maps into the heads, one out of them; the heads share them out
    biases = 3 * d + d
    return weights + biases


def variance_of_a_score():
    d, of_query, of_key = 48, 4, 9
    of_products = d * of_query * of_key  # a sum of d independent products
    return of_products / d  # dividing by √d divides the variance by d


def steps_without_order():
    # Each treats every token alike, or mixes them by content alone: shuffled in, shuffled out.
    return set(STEPS)


def ratio_of_the_scores():
    return 1024**2 / 512**2  # every token is compared with every token


def bytes_of_a_cache():
    layers, key_heads, width_of_a_head, tokens = 30, 3, 64, 8192
    numbers = 2 * layers * key_heads * width_of_a_head * tokens  # a key and a value
    return 2 * numbers  # two bytes each


def causal_attention(q, k, v):
    import torch

    T, D = q.shape
    scores = q @ k.T / D**0.5
    later = torch.ones(T, T, dtype=torch.bool).triu(1)
    return scores.masked_fill(later, -torch.inf).softmax(-1) @ v


def turn(x, theta):
    import torch

    t = torch.arange(len(x), dtype=x.dtype)[:, None]
    cos, sin = (t * theta).cos(), (t * theta).sin()  # (T, D/2)
    first, second = x.chunk(2, -1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), -1)


def leaks(model, x):
    before = model(x)
    for t in range(1, len(x)):
        changed = x.clone()
        changed[t:] += 1.0
        if not (model(changed)[:t] - before[:t]).abs().max() < 1e-6:  # NaN is a leak, too
            return True
    return False


def grouped_attention(q, k, v):
    group = q.shape[0] // k.shape[0]
    k, v = (x.repeat_interleave(group, 0) for x in (k, v))  # (H, T, D): neighbours share a key head
    scores = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
    return scores.softmax(-1) @ v


def _draw_attention(rng):
    import torch

    T, D = int(rng.integers(2, 7)), int(rng.integers(2, 6))
    return tuple(torch.from_numpy(rng.normal(size=(T, D))) for _ in range(3))


def _draw_turn(rng):
    import torch

    T, pairs = int(rng.integers(2, 6)), int(rng.integers(1, 4))
    return torch.from_numpy(rng.normal(size=(T, 2 * pairs))), torch.from_numpy(rng.uniform(0.2, 1.5, pairs))


def _draw_model(rng):
    """A model that mixes tokens by a table, with one, none or all of the entries above the diagonal."""
    import torch

    T = int(rng.integers(4, 8))
    x = torch.from_numpy(rng.normal(size=(T, 3)))
    table = torch.from_numpy(rng.uniform(0.2, 1.0, size=(T, T)))
    kind = int(rng.integers(0, 4))
    if kind < 2:
        table = table.tril()
    elif kind == 2:
        row = int(rng.integers(0, T - 1))
        ahead = torch.zeros(T, T, dtype=torch.bool)
        ahead[row, int(rng.integers(row + 1, T))] = True  # a single place looks at a single later one
        table = table.tril() + table * ahead
    return (lambda tokens: table @ tokens), x


def _draw_grouped(rng):
    import torch

    T, D, shared = int(rng.integers(2, 6)), int(rng.integers(2, 5)), 2
    q = torch.from_numpy(rng.normal(size=(shared * int(rng.integers(2, 4)), T, D)))
    return q, *(torch.from_numpy(rng.normal(size=(shared, T, D))) for _ in range(2))


def _softmax_attention(q, k, v, mask=None, scale=None):
    scores = q @ k.transpose(-2, -1) * (q.shape[-1] ** -0.5 if scale is None else scale)
    return (scores if mask is None else scores.masked_fill(mask, float("-inf"))).softmax(-1) @ v


def _no_mask(q, k, v):
    return _softmax_attention(q, k, v)


def _from_diagonal(q, k):
    import torch

    return torch.ones(len(q), len(q), dtype=torch.bool).triu(k)


def _mask_of_the_diagonal(q, k, v):
    return _softmax_attention(q, k, v, _from_diagonal(q, 0))


def _mask_of_the_past(q, k, v):
    return _softmax_attention(q, k, v, ~_from_diagonal(q, 0))


def _without_scale(q, k, v):
    return _softmax_attention(q, k, v, _from_diagonal(q, 1), 1.0)


def _masked_after_softmax(q, k, v):
    return (q @ k.T / q.shape[-1] ** 0.5).softmax(-1).tril() @ v


def _softmax_over_queries(q, k, v):
    scores = q @ k.T / q.shape[-1] ** 0.5
    return scores.masked_fill(_from_diagonal(q, 1), float("-inf")).softmax(0) @ v


def _divided_by_the_width(q, k, v):
    return _softmax_attention(q, k, v, _from_diagonal(q, 1), 1 / q.shape[-1])


def _scores_zeroed(q, k, v):
    return (q @ k.T / q.shape[-1] ** 0.5).tril().softmax(-1) @ v


def _turn_back(x, theta):
    return turn(x, -theta)


def _turn_from_one(x, theta):
    import torch

    return turn(torch.cat((x[:1], x)), theta)[1:]


def _turn_neighbours(x, theta):
    import torch

    order = torch.cat((torch.arange(0, x.shape[-1], 2), torch.arange(1, x.shape[-1], 2)))
    return turn(x[:, order], theta)[:, order.argsort()]


def _turn_all_alike(x, theta):
    import torch

    cos, sin = theta.cos(), theta.sin()
    first, second = x.chunk(2, -1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), -1)


def _leaks_last_token(model, x):
    changed = x.clone()
    changed[-1] += 1.0
    return bool((model(changed)[:-1] - model(x)[:-1]).abs().max() > 1e-6)


def _leaks_first_output(model, x):
    changed = x.clone()
    changed[1:] += 1.0
    return bool((model(changed)[0] - model(x)[0]).abs().max() > 1e-6)


def _leaks_whole_output(model, x):
    changed = x.clone()
    changed[-1] += 1.0
    return bool((model(changed) - model(x)).abs().max() > 1e-6)


def _leaks_reversed(model, x):
    return not leaks(model, x)


def _grouped_in_turn(q, k, v):
    repeats = (q.shape[0] // k.shape[0], 1, 1)
    return _softmax_attention(q, k.repeat(repeats), v.repeat(repeats))


def _grouped_without_scale(q, k, v):
    group = q.shape[0] // k.shape[0]
    return _softmax_attention(q, k.repeat_interleave(group, 0), v.repeat_interleave(group, 0), scale=1.0)


def _grouped_first_head(q, k, v):
    return _softmax_attention(q, k[:1], v[:1])


EXERCISES = (
    Exercise(
        "1",
        "The parameters of attention",
        1,
        3,
        (
            "four linear maps from d to d features; a linear map has weights and biases",
            "the heads share the d features out among them: their number changes nothing",
        ),
        Number(
            parameters_of_attention,
            (
                Mistake(16_384, "these are the weights; each of the four maps has biases, too"),
                Mistake(12_480, "query, key and value: the map that joins the heads is missing"),
                Mistake(12_288, "three maps without biases; there is a fourth, and all have biases"),
                Mistake(133_120, "the eight heads share the 64 features: a head has 8, not 64"),
                Mistake(4_160, "one map; there are four"),
            ),
            relative=0,
            absolute=0.5,
        ),
    ),
    Exercise(
        "2",
        "How far scores scatter",
        1,
        4,
        (
            "numbers independent, means 0: the variance of a product is the product of the variances",
            "add up 48 of them; dividing a number by c divides its variance by c²",
        ),
        Number(
            variance_of_a_score,
            (
                Mistake(1728, "this is the variance of q·k; now divide the score by √D"),
                Mistake(1.0, "1 is for entries of variance 1; here they have 4 and 9"),
                Mistake(36 / 48, "divided twice: a score divided by √D has the variance divided by D, once"),
                Mistake(1728 / 48**0.5, "dividing by √D divides the variance by D"),
                Mistake(6.0, "this is the standard deviation; the variance is asked for"),
                Mistake(13.0, "a product's variance is the product of the variances, not their sum"),
            ),
        ),
    ),
    Exercise(
        "3",
        "Which steps do not know the order?",
        1,
        3,
        (
            "shuffle the tokens before the step: are the results the old ones, shuffled alike?",
            "three of them work on each token by itself; what does the fourth compare?",
        ),
        Choice(
            STEPS,
            steps_without_order,
            (
                Mistake(
                    {"embedding layer", "feed-forward layer", "output layer"},
                    "attention compares contents; which term of its formula holds a place?",
                ),
                Mistake("multi-head attention layer", "the other three work on each token by itself"),
                Mistake(
                    {"multi-head attention layer", "feed-forward layer", "output layer"},
                    "a token's row of the embedding table does not depend on where it stands",
                ),
                Mistake(
                    {"multi-head attention layer", "feed-forward layer"},
                    "table and output map, too, treat every place alike",
                ),
                Mistake("embedding layer", "a table alone has no order; and what do the others know of it?"),
            ),
        ),
    ),
    Exercise(
        "4",
        "Twice the text",
        1,
        2,
        (
            "count the scores of a text of n tokens",
            "every token is compared with every token: n · n scores",
        ),
        Number(
            ratio_of_the_scores,
            (
                Mistake(2.0, "twice as many queries, and each of them meets twice as many keys"),
                Mistake(8.0, "two factors grow, queries and keys; the width of a head stays"),
                Mistake(0.25, "the other way round: the longer text over the shorter"),
                Mistake(512.0, "this is a difference of lengths; give the ratio of the counts of scores"),
            ),
        ),
    ),
    Exercise(
        "5",
        "Causal attention",
        2,
        8,
        (
            "scores, divided by the root of D; then -inf wherever the key comes later than the query",
            "torch.ones(T, T).triu(1) marks what lies above the diagonal; mask before the softmax",
        ),
        Function(
            causal_attention,
            _draw_attention,
            (
                Mistake(_no_mask, "every query sees all keys: mask those that come later"),
                Mistake(_mask_of_the_diagonal, "a query may see its own key: begin one further right"),
                Mistake(_mask_of_the_past, "this hides the past and shows the future: turn the mask round"),
                Mistake(_without_scale, "divide the scores by the root of D"),
                Mistake(_divided_by_the_width, "divide by the root of D, not by D"),
                Mistake(_softmax_over_queries, "the weights of a query, a row, add up to 1: softmax(-1)"),
                Mistake(_masked_after_softmax, "masked after the softmax the weights no longer add up to 1"),
                Mistake(_scores_zeroed, "a score of 0 still has a weight, e⁰ = 1: use -inf"),
            ),
        ),
    ),
    Exercise(
        "6",
        "Turn by the place",
        2,
        8,
        (
            "split x into its two halves; the pair of feature i is (first[:, i], second[:, i])",
            "turned by a = t · theta[i], (x, y) becomes (x cos a - y sin a, x sin a + y cos a)",
        ),
        Function(
            turn,
            _draw_turn,
            (
                Mistake(_turn_back, "this turns the other way: check the signs of the sines"),
                Mistake(_turn_from_one, "the first token stands at t = 0 and is not turned"),
                Mistake(_turn_neighbours, "these are neighbours (0, 1), (2, 3), ...; pair i is (i, i + D/2)"),
                Mistake(_turn_all_alike, "every token is turned by the same angle: multiply theta by t"),
            ),
        ),
    ),
    Exercise(
        "7",
        "Does it look ahead?",
        2,
        8,
        (
            "change the tokens from place t on and compare the outputs before t",
            "do so for every t: a single place may look ahead by a single step",
        ),
        Function(
            leaks,
            _draw_model,
            (
                Mistake(_leaks_last_token, "only the last token was changed; try the others as well"),
                Mistake(_leaks_first_output, "only the first output was watched; a later one may leak"),
                Mistake(
                    _leaks_whole_output, "an output may depend on its own token: compare the earlier ones"
                ),
                Mistake(_leaks_reversed, "the answers are swapped: True means that it leaks"),
            ),
            trials=40,
        ),
    ),
    Exercise(
        "8",
        "The memory of a long text",
        1,
        4,
        (
            "a key and a value for every layer, every key head and every token, each of 64 numbers",
            "2 · layers · key heads · width of a head · tokens numbers, of 2 bytes",
        ),
        Number(
            bytes_of_a_cache,
            (
                Mistake(94_371_840, "count keys and values, and two bytes for each number"),
                Mistake(566_231_040, "9 are the query heads; the cache holds the 3 key heads"),
                Mistake(6_291_456, "this is one layer; there are 30"),
                Mistake(180, "give bytes, not megabytes"),
                Mistake(377_487_360, "these are 4 bytes a number; half precision takes 2"),
            ),
        ),
    ),
    Exercise(
        "9",
        "Grouped queries",
        3,
        12,
        (
            "H query heads, G key heads: query heads 0 to H/G - 1 use key head 0, the next ones key head 1",
            "repeat_interleave(H // G, 0) makes as many key heads as query heads",
        ),
        Function(
            grouped_attention,
            _draw_grouped,
            (
                Mistake(_grouped_in_turn, "these take turns; neighbouring query heads share a key head"),
                Mistake(_grouped_without_scale, "divide the scores by the root of D"),
                Mistake(_grouped_first_head, "every query head uses key head 0; there are G of them"),
            ),
        ),
    ),
)
