"""Exercises of lesson 20: fairness."""

from kit.course.exercise import Choice, Exercise, Function, Mistake, Number


def calls_missing():
    import math

    needed = math.ceil(235 * 4 / 5)  # 188; both groups have 2,435, so calls compare as rates do
    return needed - 157  # 0.668 does not pass, and this is by how much


def reweighing(table):
    import numpy as np

    share = np.asarray(table, dtype=float) / np.sum(table)  # P(group, label)
    group = share.sum(axis=1, keepdims=True)  # P(group), (2, 1)
    label = share.sum(axis=0, keepdims=True)  # P(label), (1, 2)
    return group * label / share


def leak(column, group):
    import numpy as np

    ones, zeros = column[group == 1], column[group == 0]
    above = (ones[:, None] > zeros[None, :]).mean()  # pairs in which the member scores higher
    ties = (ones[:, None] == zeros[None, :]).mean()
    auc = above + ties / 2
    return np.maximum(auc, 1 - auc)  # a column that points the other way gives away as much


def ratio_of_false_positive_rates():
    odds_a, odds_b = 0.523 / 0.477, 0.391 / 0.609  # p / (1 - p)
    return odds_a / odds_b  # (1 - PPV) / PPV and TPR are the same in both groups and cancel


def what_a_perfect_classifier_has_equal():
    # No error in any group: TPR 1, FPR 0, PPV 1 everywhere. It selects as many as there are positives.
    return {"equal opportunity", "equal false positive rates", "predictive parity"}


def where_a_loan_neither_helps_nor_hurts():
    import math

    chance = 150 / (50 + 150)  # gain * chance = loss * (1 - chance)
    return 600 + 50 * math.log(chance / (1 - chance))  # the repayment curve, solved for the score


def expected_records(rates, days, corrected):
    import numpy as np

    rates = np.asarray(rates, dtype=float)
    found = np.ones(len(rates))
    for _ in range(days):
        share = found / found.sum()  # where the patrol goes, on average
        kept = 1 - share if corrected else 1  # how much of what it finds is added
        found = found + share * rates * kept
    return found / found.sum()


def _draw_table(rng):
    return (rng.integers(5, 60, size=(2, 2)),)


def _draw_column(rng):
    import numpy as np

    group = np.append([0, 1], rng.integers(0, 2, size=int(rng.integers(8, 30))))
    direction = rng.choice([-1.0, 1.0])
    return np.round(rng.normal(size=len(group)) + direction * group), group


def _draw_urn(rng):
    return (
        rng.uniform(0.05, 0.9, size=2),
        int(rng.integers(20, 60)),
        bool(rng.integers(2)),
    )


def _upside_down(table):
    return 1 / reweighing(table)


def _equal_counts(table):
    import numpy as np

    return np.sum(table) / (4 * np.asarray(table, dtype=float))


def _rows_alone(table):
    import numpy as np

    table = np.asarray(table, dtype=float)
    return table.sum(axis=1, keepdims=True) / table


def _transposed(table):
    return reweighing(table).T


def _without_ties(column, group):
    above = (column[group == 1][:, None] > column[group == 0][None, :]).mean()
    return max(above, 1 - above)


def _one_direction(column, group):
    ones, zeros = column[group == 1][:, None], column[group == 0][None, :]
    return (ones > zeros).mean() + (ones == zeros).mean() / 2


def _correlation(column, group):
    import numpy as np

    return abs(np.corrcoef(column, group)[0, 1])


def _never_corrected(rates, days, corrected):
    return expected_records(rates, days, False)


def _patrol_everywhere(rates, days, corrected):
    import numpy as np

    rates = np.asarray(rates, dtype=float)
    found = 1 + days * rates / len(rates)
    return found / found.sum()


def _counts_not_shares(rates, days, corrected):
    import numpy as np

    rates, found = np.asarray(rates, dtype=float), np.ones(len(rates))
    for _ in range(days):
        share = found / found.sum()
        found = found + share * rates * (1 - share if corrected else 1)
    return found


EXERCISES = (
    Exercise(
        "1",
        "How many calls are missing?",
        1,
        3,
        (
            "four fifths of what? Begin with the rate of the group that is called most often",
            "the smallest whole number of calls that reaches it, minus the calls there were",
        ),
        Number(
            calls_missing,
            (
                Mistake(0, "0.668 is below four fifths, so the rule is not passed"),
                Mistake(188, "that many calls pass; how many are there already?"),
                Mistake(78, "that would make both groups equal; the rule asks for four fifths of it"),
                Mistake(30, "round up: with 187 calls the ratio still lies below 0.8"),
            ),
            relative=0,
            absolute=0.1,
        ),
    ),
    Exercise(
        "2",
        "Weights that break the link",
        2,
        6,
        (
            "divide by the number of all people first, then every cell is P(group, label)",
            "P(group) are the sums of the rows, P(label) those of the columns",
        ),
        Function(
            reweighing,
            _draw_table,
            (
                Mistake(_upside_down, "upside down: a cell with too few people needs a weight above 1"),
                Mistake(
                    _equal_counts, "all four cells equal is too much: keep P(group) and P(label) as they are"
                ),
                Mistake(
                    _rows_alone, "that forgets P(label): the weights of a group depend on the label, too"
                ),
                Mistake(_transposed, "rows are groups and columns are labels; yours are exchanged"),
            ),
            relative=1e-9,
        ),
    ),
    Exercise(
        "3",
        "How much does a column give away?",
        2,
        7,
        (
            "compare every member of group 1 with every member of group 0: how often is it higher?",
            "a pair of equal values counts one half",
            "a column that is always lower in group 1 gives the group away completely",
        ),
        Function(
            leak,
            _draw_column,
            (
                Mistake(_without_ties, "equal values: neither guess is better, count one half"),
                Mistake(_one_direction, "0.1 gives away as much as 0.9: guess the other way round"),
                Mistake(_correlation, "that is a correlation; 0.5 should mean that nothing is given away"),
            ),
            relative=1e-9,
        ),
    ),
    Exercise(
        "4",
        "The conflict in one number",
        2,
        6,
        (
            "write the identity for both groups and divide one by the other",
            "what is equal in both groups cancels",
        ),
        Number(
            ratio_of_false_positive_rates,
            (
                Mistake(0.523 / 0.391, "the identity has p / (1 - p) in it, not p"),
                Mistake(0.5855, "that is B over A; the question asks for A over B"),
                Mistake(0.609 / 0.477, "that is the ratio of the 1 - p; p is in the identity, too"),
                Mistake(1.0, "with equal false positive rates PPV or TPR would differ; look at the identity"),
            ),
            relative=0.003,
        ),
    ),
    Exercise(
        "5",
        "The perfect classifier",
        1,
        4,
        (
            "it makes no error; how large are TPR, FPR and PPV in each group?",
            "how many of each group does it select?",
        ),
        Choice(
            ("demographic parity", "equal opportunity", "equal false positive rates", "predictive parity"),
            what_a_perfect_classifier_has_equal,
            (
                Mistake(
                    {
                        "demographic parity",
                        "equal opportunity",
                        "equal false positive rates",
                        "predictive parity",
                    },
                    "it selects all positives and nobody else: how many are that in each group?",
                ),
                Mistake(
                    {"equal opportunity", "equal false positive rates"},
                    "of those it selects, how many are positive?",
                ),
                Mistake(
                    "demographic parity", "base rates differ, so a rule without errors selects unequally"
                ),
                Mistake("predictive parity", "no errors at all: look at TPR and FPR as well"),
            ),
        ),
    ),
    Exercise(
        "6",
        "When does a loan hurt the borrower?",
        2,
        5,
        (
            "at which chance of repayment p is 50 p equal to 150 (1 - p)?",
            "solve p = 1 / (1 + exp(-(s - 600) / 50)) for s",
        ),
        Number(
            where_a_loan_neither_helps_nor_hurts,
            (
                Mistake(
                    600,
                    "there half of the loans are repaid, and a failure costs three times what success gains",
                ),
                Mistake(634.657, "that is the score for a gain of 75; here it is 50"),
                Mistake(545.069, "the sign: the chance must lie above one half, so the score above 600"),
                Mistake(0.75, "that is the chance of repayment; which score has it?"),
            ),
            relative=0,
            absolute=0.6,
        ),
    ),
    Exercise(
        "7",
        "The urn without luck",
        3,
        15,
        (
            "begin with one incident in each district; a day adds share * rate to each on average",
            "corrected: what is found is added with probability 1 - share",
            "return shares: they add up to 1",
        ),
        Function(
            expected_records,
            _draw_urn,
            (
                Mistake(
                    _never_corrected, "with corrected=True an incident is added with probability 1 - share"
                ),
                Mistake(
                    _patrol_everywhere, "the patrol does not go everywhere equally: it follows the records"
                ),
                Mistake(_counts_not_shares, "return shares of all records, not numbers of records"),
            ),
            relative=1e-9,
        ),
    ),
)
