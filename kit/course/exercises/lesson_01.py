"""Exercises of lesson 01: counting a model, and two error rates."""

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number

DEFINITIONS = ("000", "001", "002 §1.1.1", "002 §1.1.3", "004")


def parameters_of_bert_base():
    layers, width, ffn, vocabulary, positions, segments = 12, 768, 3072, 30_522, 512, 2
    norm = 2 * width
    embedding = (vocabulary + positions + segments) * width + norm
    attention = 4 * (width * width + width)  # query, key, value, output
    feed_forward = width * ffn + ffn + ffn * width + width
    pooler = width * width + width
    return embedding + layers * (attention + feed_forward + 2 * norm) + pooler


def training_flops_of_gpt_3():
    parameters, tokens = 174.6e9, 300e9
    return 6 * parameters * tokens  # forward 2, backward 4, per weight and token


def adam_state_of_bert_large():
    parameters = 335_141_888
    bytes_each = 2 + 2 + 4 + 4 + 4  # weight, gradient, master copy, two moments
    return parameters * bytes_each / 1e9


def definitions_that_call_resnet_50_large():
    # 25.6 million: over a million, under a hundred million.
    return {"000", "002 §1.1.1", "002 §1.1.3"}


def word_error_rate_of_the_example():
    # a=a, b->x substituted, c=c, d deleted: two edits for four reference words.
    return 2 / 4


def block_parameters(width, ffn_width):
    attention = 4 * (width * width + width)
    feed_forward = width * ffn_width + ffn_width + ffn_width * width + width
    norms = 2 * (width + width)  # scale and shift, twice
    return attention + feed_forward + norms


def word_error_rate(reference, hypothesis):
    r, h = reference.split(), hypothesis.split()
    previous = list(range(len(h) + 1))  # edits from no reference word to h[:j]
    for i, word in enumerate(r, start=1):
        row = [i]
        for j, heard in enumerate(h, start=1):
            row.append(min(previous[j - 1] + (word != heard), previous[j] + 1, row[j - 1] + 1))
        previous = row
    return previous[-1] / len(r)


def possible_numbers_of_definitions():
    # Below 10^6: 0. Then 3 (000 and both of 002), from 10^8 4, from 10^9 5, from 10^10 4, from 10^12 3.
    return {"0", "3", "4", "5"}


def _draw_block(rng):
    heads = int(rng.integers(1, 17))
    return 64 * heads, int(64 * heads * rng.integers(2, 9) + rng.integers(0, 64))


def _draw_sentences(rng):
    words = ["the", "a", "model", "is", "large", "small", "not", "very", "we", "they", "count"]
    reference = [str(w) for w in rng.choice(words, size=rng.integers(1, 9))]
    heard = [str(rng.choice(words)) if rng.random() < 0.2 else w for w in reference if rng.random() > 0.2]
    for _ in range(int(rng.integers(0, 3))):
        heard.insert(int(rng.integers(0, len(heard) + 1)), str(rng.choice(words)))
    return " ".join(reference), " ".join(heard)


def _no_biases(width, ffn_width):
    return 4 * width * width + 2 * width * ffn_width + 4 * width


def _three_projections(width, ffn_width):
    return block_parameters(width, ffn_width) - width * width - width


def _no_norms(width, ffn_width):
    return block_parameters(width, ffn_width) - 4 * width


def _norms_without_shift(width, ffn_width):
    return block_parameters(width, ffn_width) - 2 * width


def _place_by_place(reference, hypothesis):
    r, h = reference.split(), hypothesis.split()
    return (sum(a != b for a, b in zip(r, h)) + abs(len(r) - len(h))) / len(r)


def _edits_not_divided(reference, hypothesis):
    return word_error_rate(reference, hypothesis) * len(reference.split())


def _by_characters(reference, hypothesis):
    return word_error_rate(" ".join(reference), " ".join(hypothesis))


def _divided_by_the_longer(reference, hypothesis):
    edits = _edits_not_divided(reference, hypothesis)
    return edits / max(len(reference.split()), len(hypothesis.split()))


EXERCISES = (
    Exercise(
        "1",
        "Every parameter of BERT-base",
        2,
        10,
        (
            "start with the tables: (30,522 + 512 + 2) x 768, and the norm behind them",
            "one block: four 768 x 768 matrices, 768 x 3072 and back, all with biases, two norms of 2 x 768",
            "twelve blocks, and the pooler: one more 768 x 768 matrix with its bias",
        ),
        Number(
            parameters_of_bert_base,
            (
                Mistake(110e6, "110 million is the rounded number of the paper; count to the last weight"),
                Mistake(108_891_648, "the pooler is missing: one 768 x 768 matrix and its bias"),
                Mistake(85_054_464, "these are the twelve blocks alone; add embeddings and pooler"),
                Mistake(
                    109_398_528, "the biases of the twelve blocks' matrices and of the pooler are missing"
                ),
                Mistake(109_089_024, "the table of the 512 positions is missing"),
                Mistake(109_087_488, "the tables of the 512 positions and the two segments are missing"),
                Mistake(
                    109_480_704,
                    "1,536 are missing: the norm behind the tables, or the two segments; each has 2 x 768",
                ),
                Mistake(
                    109_479_168, "the norm behind the tables and the two segments are missing: 2 x 768 each"
                ),
                Mistake(109_445_376, "the norms of the twelve blocks are missing: 2 x 768, twice a block"),
                Mistake(110_106_428, "this counts the heads used in pre-training, too; stop at the pooler"),
            ),
            relative=0,
            absolute=0.5,
        ),
    ),
    Exercise(
        "2",
        "The work of training GPT-3",
        1,
        3,
        ("C = 6 N D", "N = 174.6e9 parameters, D = 300e9 tokens"),
        Number(
            training_flops_of_gpt_3,
            (
                Mistake(
                    2 * 174.6e9 * 300e9,
                    "2 N D is the forward pass alone; the backward pass costs twice that again",
                ),
                Mistake(
                    174.6e9 * 300e9,
                    "N D counts each weight once per token; there are six operations for each",
                ),
                Mistake(4 * 174.6e9 * 300e9, "4 N D is the backward pass alone; add the forward pass"),
                Mistake(6 * 174.6e9, "this is the work for one token; multiply by the number of tokens"),
            ),
        ),
    ),
    Exercise(
        "3",
        "The memory that Adam needs for BERT-large",
        1,
        4,
        (
            "16 bytes a parameter: 2 weight, 2 gradient, 4 master copy, 4 + 4 moments",
            "1 GB is 10^9 bytes",
        ),
        Number(
            adam_state_of_bert_large,
            (
                Mistake(335_141_888 * 16 / 2**30, "this is in GiB (2^30 bytes); give GB, 10^9 bytes"),
                Mistake(
                    335_141_888 * 4 / 1e9,
                    "these are the fp32 weights alone; training keeps gradients and moments too",
                ),
                Mistake(
                    335_141_888 * 2 / 1e9,
                    "these are the bf16 weights alone; training keeps gradients and moments too",
                ),
                Mistake(
                    335_141_888 * 12 / 1e9,
                    "12 bytes: did you leave out the fp32 master copy, or one of the moments?",
                ),
                Mistake(335_141_888 * 16, "the count is right, in bytes; divide by 10^9 for GB"),
                Mistake(335_141_888 * 16 / 1e6, "the count is right, in MB; divide by 10^3 for GB"),
                Mistake(
                    340e6 * 16 / 1e9, "340 million is the rounded number of the paper; take the exact one"
                ),
            ),
            relative=0.007,  # 5.36 and 5.4 are right, 5.44 is not
        ),
    ),
    Exercise(
        "4",
        "Who calls ResNet-50 large?",
        1,
        3,
        ("25.6 million lies between 10^6 and 10^8", "two of the five start at more than 10^7"),
        Choice(
            DEFINITIONS,
            definitions_that_call_resnet_50_large,
            (
                Mistake({"000", "002 §1.1.3"}, "25.6 million also lies in the other range of article 002"),
                Mistake({"000", "002 §1.1.1"}, "25.6 million also lies in the other range of article 002"),
                Mistake({"000"}, "article 002 starts at a million too, in both of its sections"),
                Mistake(
                    set(DEFINITIONS), "25.6 million is less than 001's hundred million and 004's billion"
                ),
                Mistake({"001", "004"}, "these two call it too small; you were asked for the others"),
            ),
        ),
    ),
    Exercise(
        "5",
        "A word error rate by hand",
        1,
        3,
        (
            "align a with a and c with c first",
            "one word is replaced, one is missing; divide by the reference's length",
        ),
        Number(
            word_error_rate_of_the_example,
            (
                Mistake(
                    2 / 3, "you divided by the three words that were heard; divide by the four that were said"
                ),
                Mistake(0.25, "one edit of four: you missed either the replaced b or the missing d"),
                Mistake(50, "give the rate as a share, not in percent"),
                Mistake(2, "two edits is right; divide by the number of reference words"),
                Mistake(0.75, "place by place three words seem wrong; c is right once d is seen as deleted"),
            ),
        ),
    ),
    Exercise(
        "6",
        "The parameters of a block",
        2,
        10,
        (
            "a Linear layer from m to n has m x n weights and n biases",
            "attention has four of them, width to width; each norm has a scale and a shift per feature",
        ),
        Function(
            block_parameters,
            _draw_block,
            (
                Mistake(_no_biases, "the biases of the six matrices are missing"),
                Mistake(_three_projections, "attention has a fourth matrix, which mixes the heads' outputs"),
                Mistake(_no_norms, "the two LayerNorms are missing: 2 x width each"),
                Mistake(_norms_without_shift, "a LayerNorm has a scale and a shift: 2 x width each"),
            ),
            relative=0,
            absolute=0.5,
        ),
    ),
    Exercise(
        "7",
        "A word error rate as a function",
        3,
        20,
        (
            "fill a table: D[i][j] edits turn the first i reference words into the first j heard ones",
            "D[i][j] = min(D[i-1][j-1] + (r != h), D[i-1][j] + 1, D[i][j-1] + 1); D[i][0] = i, D[0][j] = j",
        ),
        Function(
            word_error_rate,
            _draw_sentences,
            (
                Mistake(
                    _place_by_place, "one missing word shifts all others; align them with the table of edits"
                ),
                Mistake(_edits_not_divided, "these are the edits; divide by the number of reference words"),
                Mistake(_by_characters, "you compared characters; split both texts into words first"),
                Mistake(
                    _divided_by_the_longer, "divide by the length of the reference, even when more was heard"
                ),
            ),
        ),
    ),
    Exercise(
        "8",
        "How many definitions can agree?",
        2,
        5,
        (
            "walk along the axis from 10^5 to 10^13 and count at each step",
            "article 000 and both of 002 start at the same place",
        ),
        Choice(
            ("0", "1", "2", "3", "4", "5"),
            possible_numbers_of_definitions,
            (
                Mistake({"0", "3", "4"}, "look between one and ten billion: there nobody objects"),
                Mistake({"3", "4", "5"}, "and a model of ten thousand parameters?"),
                Mistake(
                    {"0", "1", "2", "3", "4", "5"}, "move the widget across 10^6: how many change at once?"
                ),
                Mistake({"0", "3", "5"}, "look between a hundred million and a billion, too"),
                Mistake({"5"}, "give all numbers that can occur, as a set"),
            ),
        ),
    ),
)
