"""Any metric, group by group: Fairlearn's MetricFrame from one table of counts.

MetricFrame
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, cached_property, partial

import numpy as np

from kit import check
from kit.fairness.groups import Groups
from kit.fairness.intervals import FEW, compare_shares, undefined
from kit.fairness.rates import Rate, both, count, count_table, right_or_wrong
from kit.fairness.rendering import markdown_table, markdown_text
from kit.metrics import Interval, inputs, wilson_interval

METHODS = ("between_groups", "to_overall")
NUMBERS = ("by_group", "overall", "difference", "ratio", "group_min", "group_max")


class MetricFrame:
    """Metrics over all rows and for every group, and how far apart groups are.

        frame = MetricFrame(metrics={"tpr": true_positive_rate}, y_true=y, y_pred=p, sensitive_features=sex)
        frame.by_group["tpr"]["Female"];  frame.difference()["tpr"];  frame.interval("difference")["tpr"]

    metrics: one function of (y_true, y_pred, **sample_params) with a number as result, or a
        dict of them. The rates of this room share one count; any other function is called on
        the rows of each group.
    sensitive_features, control_features: one column, a DataFrame, a dict of columns or (N, K).
        Groups are all combinations; control features split everything, `overall` included,
        and no comparison goes across them.
    sample_params: arrays (N,) that follow the rows, {"sample_weight": w}; for a dict of metrics
        {metric: {"sample_weight": w}}.

    Results are Fairlearn's values in plain dicts: {metric: {group: value}} for `by_group`, {metric:
    value} for the rest, {metric: {control group: value}} with control features; without the
    {metric: ...} where `metrics` is one function. A group is its level, or a tuple of levels
    (control features first) where there are several features.

    What is undefined is nan, is told with its reason in `undefined`, and takes no part in
    comparisons; so is a comparison for which fewer than two groups have a value.
    Raises: ValueError/TypeError for unequal lengths, missing sensitive values, labels that a rate
    cannot use, a metric that fails on every group. Lesson: 20.
    """

    def __init__(
        self, *, metrics, y_true, y_pred, sensitive_features, control_features=None, sample_params=None
    ):
        self._single, sample_params = not isinstance(metrics, Mapping), sample_params or {}
        if self._single:
            name = getattr(metrics, "name", getattr(metrics, "__name__", "metric"))
            metrics, sample_params = {name: metrics}, {name: sample_params}
        check.nonempty("metrics", metrics)
        self.metrics, self._y = dict(metrics), (inputs.to_numpy(y_true), inputs.to_numpy(y_pred))
        check.same_length(y_true=self._y[0], y_pred=self._y[1])
        self.rows = len(self._y[0])
        self._within = Groups.of("control_features", control_features, self.rows)
        between = Groups.of("sensitive_features", sensitive_features, self.rows)
        check.nonempty("sensitive_features", between.names)
        self._groups, self._shape = self._within * between, (len(self._within), len(between))
        self._params = {name: {} for name in metrics}
        for name, params in sample_params.items():
            check.one_of("metric of sample_params", name, metrics)
            self._params[name] = {k: inputs.to_numpy(v) for k, v in params.items() if v is not None}
            for key in (key for key, given in self._params[name].items() if not given.ndim):
                raise TypeError(
                    f"{key} of sample_params is one value; use functools.partial(metric, {key}=...)"
                )
            check.same_length(y_true=self._y[0], **self._params[name])
        self.undefined: dict[str, dict] = {}
        self._values = np.stack([self._evaluate(name) for name in metrics])  # (M, C, S + 1), overall last
        self.by_group, self.overall = self._number("by_group"), self._number("overall")

    @cached_property
    def n(self) -> dict:
        """Number of rows of every group, 0 for a combination that does not occur."""
        return dict(zip(self._groups.keys, self._rows[:, :-1].ravel().tolist()))

    def group_min(self):
        """The smallest value of a group, for every metric."""
        return self._number("group_min")

    def group_max(self):
        """The largest value of a group, for every metric."""
        return self._number("group_max")

    def difference(self, method: str = "between_groups"):
        """How far apart: largest minus smallest value, 0 where groups are alike.

        It does not say which group is worse off: look at `by_group`. `method="to_overall"`: the
        largest |value of a group - value overall|. Raises: ValueError for another method.
        """
        return self._number("difference", method)

    def ratio(self, method: str = "between_groups"):
        """How far apart: smallest over largest value, 1 where groups are alike.

        `method="to_overall"`: the smallest of value/overall or overall/value, whichever is below 1.
        Raises: ValueError for another method.
        """
        return self._number("ratio", method)

    def interval(
        self, number="by_group", *, method=METHODS[0], confidence=0.95, resamples: int = 1000, seed: int = 0
    ):
        """A `metrics.Interval` around every number, in the form of the number itself.

        number: "by_group", "overall", "difference", "ratio", "group_min" or "group_max".

        Shares get Wilson's interval, whose n is the denominator: the number of positives for a
        true positive rate. All else gets the percentile bootstrap over rows: one multinomial
        draw of the count table a replicate; for weights and functions of one's own the rows
        themselves, which takes `resamples` evaluations. Replicates in which a number is undefined
        are left out, and one row alone has no ends (nan). A bootstrap is too sure of itself where
        counts are few: gaps of shares with fewer than 5 rows of a kind get `compare_shares` instead.

        A comparison is that of the two groups which lie farthest apart in the sample: its
        interval reaches below 0 (a ratio's above 1) where the gap may be chance. Among many groups
        the farthest are picked by chance, too, so it is then too sure of itself.

        Raises: ValueError for an unknown number or method, confidence outside (0, 1).
        Source: Wilson (1927); Efron (1979); Newcombe (1998). Lesson: 20.
        """
        check.one_of("number", number, NUMBERS)
        check.one_of("method", method, METHODS)
        check.number("confidence", confidence, above=0, below=1)
        check.integer("resamples", resamples, 1)
        draws = cache(lambda: self._draw(resamples, seed))
        found = np.empty((len(self.metrics), *self._shape[: 2 if number == "by_group" else 1]), dtype=object)
        rows = self._rows
        for i, name in enumerate(self.metrics):
            pair = _pair(number, method, self._values[i])
            found[i].flat[:] = self._by_formula(name, number, pair, self._values[i], confidence)
            if all(found[i].flat):
                continue
            estimates = _compare(number, self._values[i], pair).ravel()
            spread = _compare(number, self._replicates(name, draws, resamples, seed), pair)
            all_rows = rows[:, :-1] if number == "by_group" else rows[:, -1]
            lone = (_fewest(number, rows, pair) < 2) & (self.metrics[name] is not count)
            each = zip(
                estimates.tolist(), spread.reshape(resamples, -1).T, all_rows.ravel().tolist(), lone.tolist()
            )
            drawn = (_percentile(*one, confidence) for one in each)
            found[i].flat[:] = [done or other for done, other in zip(found[i].flat, drawn)]
        return self._named(found)

    def to_pandas(self):
        """`by_group` as Fairlearn gives it, a Series or DataFrame of pandas.

        Raises: ImportError without pandas.
        """
        import pandas

        index = pandas.MultiIndex.from_product(self._groups.levels, names=self._groups.names)
        index = index if index.nlevels > 1 else index.get_level_values(0)
        columns = {name: values.ravel() for name, values in zip(self.metrics, self._values[..., :-1])}
        frame = pandas.DataFrame(columns, index=index)
        return frame.iloc[:, 0] if self._single else frame

    def _by_formula(self, name: str, number: str, pair: list, values: np.ndarray, confidence) -> list:
        """Intervals of shares without weights; None where the bootstrap is to say."""
        gap, metric = number in NUMBERS[2:4], self.metrics[name]
        if not self._plain(name) or not metric.is_share:
            return [None] * (math.prod(self._shape) if number == "by_group" else self._shape[0])
        sums, wilson = metric.sums(self._counts)[0], partial(wilson_interval, confidence=confidence)
        if not gap:
            sides = (_compare(number, side, pair).ravel().tolist() for side in sums)
            return [wilson(k, n) if n else undefined(confidence) for k, n in zip(*sides)]
        order = pair if number == "difference" else pair[::-1]  # smaller over larger
        sides = (np.take_along_axis(side, column, 1)[:, 0].tolist() for column in order for side in sums)
        estimates = _compare(number, values, pair).tolist()
        return [_gap(number, *one, confidence) for one in zip(estimates, self._rows[:, -1].tolist(), *sides)]

    def _evaluate(self, name: str) -> np.ndarray:
        """Values by group and, last, overall, (C, S + 1); notes what is undefined, and why."""
        if self._from_counts(name):
            values = self.metrics[name].of(self._table(name))
            lacking = np.flatnonzero(np.isnan(values[:, :-1])).tolist()
            some = f"division by 0 in {self.metrics[name].formula}"
            why = {i: some if self._groups.counts[i] else "no row" for i in lacking}
        else:
            values, why = self._on_rows(name)
            if len(why) == len(self._groups):
                raise ValueError(f"metrics[{name!r}] has no value in any group: {why[0]}; try it on all rows")
        self.undefined[name] = {self._groups.keys[i]: reason for i, reason in why.items()}
        return values

    def _plain(self, name: str) -> bool:
        return isinstance(self.metrics[name], Rate) and not self._params[name]

    @cached_property
    def _rows(self) -> np.ndarray:
        """Number of rows by group and, last, overall, (C, S + 1)."""
        if any(map(self._plain, self.metrics)):
            return self._counts.sum(axis=-1)
        return _with_total(self._groups.counts.reshape(*self._shape, 1))[..., 0]

    def _from_counts(self, name: str) -> bool:
        """Whether the table of counts is all it takes."""
        return isinstance(self.metrics[name], Rate) and not self._params[name].keys() - {"sample_weight"}

    @cached_property
    def _labels(self) -> tuple[np.ndarray, np.ndarray]:
        rates = [metric for name, metric in self.metrics.items() if self._from_counts(name)]
        return (right_or_wrong if all(rate.takes_any_labels for rate in rates) else both)(*self._y)

    @cached_property
    def _counts(self) -> np.ndarray:
        """TN, FP, FN, TP by group and, last, overall, (C, S + 1, 4)."""
        counts = count_table(*self._labels, self._groups.codes, len(self._groups))
        return _with_total(counts.reshape(*self._shape, 4))

    def _table(self, name: str, rows=None) -> np.ndarray:
        """`_counts` with the weights of a metric, of all rows or of some."""
        weight = self._params[name].get("sample_weight")
        if weight is None:
            return self._counts
        parts = [*self._labels, self._groups.codes, weight]
        truth, decided, codes, weight = parts if rows is None else (part[rows] for part in parts)
        counts = count_table(truth, decided, codes, len(self._groups), weight)
        return _with_total(counts.reshape(*self._shape, 4))

    def _on_rows(self, name: str, rows=slice(None)) -> tuple[np.ndarray, dict]:
        """The slow path: the metric called on the rows of every group, and where it has no value."""
        values, why = np.full((self._shape[0], self._shape[1] + 1), np.nan), {}
        for side, place in ((self._within, values[:, -1:]), (self._groups, values[:, :-1])):
            codes, found = side.codes[rows], np.full(len(side), np.nan)
            order = np.argsort(codes, kind="stable")
            ends = np.cumsum(np.bincount(codes, minlength=len(side)))[:-1]
            why = {}
            for i, part in enumerate(np.split(order, ends)):
                found[i], why[i] = self._call(name, np.arange(self.rows)[rows][part])
            place[:] = found.reshape(place.shape)
        return values, {i: reason for i, reason in why.items() if reason}

    def _call(self, name: str, rows: np.ndarray) -> tuple[float, str]:
        """The metric on some rows, and why it has no value there."""
        if len(rows) == 0:
            return np.nan, "no row"
        params = {key: given[rows] for key, given in self._params[name].items()}
        try:
            value = self.metrics[name](*(y[rows] for y in self._y), **params)
        except (ValueError, ZeroDivisionError) as error:  # one class only, say
            return np.nan, str(error)
        if value is None or np.ndim(value):
            raise TypeError(f"metrics[{name!r}] gave {check.show(value)}; return one number a call")
        return value, "the metric is nan" if np.isnan(value) else ""

    def _draw(self, resamples: int, seed: int) -> np.ndarray:
        """Count tables of resampled rows, (R, C, S + 1, 4)."""
        shares = self._counts[:, :-1].ravel() / self.rows
        counts = np.random.default_rng(seed).multinomial(self.rows, shares, resamples)
        return _with_total(counts.reshape(resamples, *self._shape, 4).astype(np.float64))

    def _replicates(self, name: str, draws: Callable, resamples: int, seed: int) -> np.ndarray:
        """The metric on resampled rows, (R, C, S + 1)."""
        metric, generator = self.metrics[name], np.random.default_rng(seed)
        if self._plain(name):
            return draws().sum(axis=-1) if metric is count else metric.of(draws())
        rows = (generator.integers(self.rows, size=self.rows) for _ in range(resamples))
        if self._from_counts(name):
            return np.stack([metric.of(self._table(name, each)) for each in rows])
        return np.stack([self._on_rows(name, each)[0] for each in rows])

    def _number(self, number: str, method: str = METHODS[0]):
        check.one_of("method", method, METHODS)
        return self._named(np.stack([_compare(number, v, _pair(number, method, v)) for v in self._values]))

    def _named(self, values: np.ndarray):
        """(M, C) or (M, C, S) as dicts."""
        keys = (self._groups if values.ndim == 3 else self._within).keys
        rows = (row.ravel().tolist() for row in values)
        found = {name: dict(zip(keys, row)) if keys else row[0] for name, row in zip(self.metrics, rows)}
        return found.popitem()[1] if self._single else found

    def __repr__(self) -> str:
        """A table: groups, then overall and gaps where nothing is controlled for."""
        return self._table_of(str)

    def _repr_markdown_(self) -> str:
        """The same with all names escaped, for a notebook."""
        return self._table_of(markdown_text)

    def _table_of(self, escape: Callable[[str], str]) -> str:
        values = self._values[..., :-1].reshape(len(self.metrics), -1).T.tolist()
        rows = [[key, n, *row] for (key, n), row in zip(self.n.items(), values)]
        for number in () if self._within.names else NUMBERS[1:4]:
            found = [_compare(number, v, _pair(number, METHODS[0], v))[0] for v in self._values]
            rows.append([number, self.rows, *found])
        return markdown_table([" / ".join(self._groups.names), "n", *self.metrics], rows, escape)


def _with_total(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([counts, counts.sum(axis=-2, keepdims=True)], axis=-2)


def _pair(number: str, method: str, values: np.ndarray) -> list[np.ndarray]:
    """The columns of (C, S + 1) that are compared: of the larger value and of the smaller one, (C, 1)."""
    by_group, overall, size = values[:, :-1], values[:, -1:], values.shape[1] - 1
    if method == METHODS[0] or number in NUMBERS[4:]:
        high, low = (np.where(np.isnan(by_group), end, by_group) for end in (-np.inf, np.inf))
        return [high.argmax(axis=1)[:, None], size - 1 - low[:, ::-1].argmin(axis=1)[:, None]]
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.abs(by_group - overall if number == "difference" else np.log(np.abs(by_group / overall)))
    far = np.where(np.isnan(away), -1, away).argmax(axis=1)[:, None]
    picked = np.take_along_axis(by_group, far, 1)
    larger = picked >= overall if number == "difference" else np.abs(picked) >= np.abs(overall)
    return [np.where(larger, far, size), np.where(larger, size, far)]


def _compare(number: str, values: np.ndarray, pair: list[np.ndarray]) -> np.ndarray:
    """(..., C, S + 1) -> (..., C), or (..., C, S) where `number` is "by_group"."""
    if number in NUMBERS[:2]:
        return values[..., :-1] if number == "by_group" else values[..., -1]
    place = np.arange(values.shape[-2])
    high, low = (values[..., place, column[:, 0]] for column in pair)
    if number in NUMBERS[4:]:
        return low if number == "group_min" else high
    alone = (~np.isnan(values[..., :-1])).sum(axis=-1) < 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(alone, np.nan, high - low if number == "difference" else low / high)


def _fewest(number: str, rows: np.ndarray, pair: list[np.ndarray]) -> np.ndarray:
    """The rows behind each number, (C, S + 1) -> as `_compare`; of a gap those of the smaller group."""
    if number in NUMBERS[2:4]:
        return np.minimum(*(np.take_along_axis(rows, column, 1)[:, 0] for column in pair))
    return _compare(number, rows, pair).ravel()


def _gap(number: str, estimate: float, rows: int, a, m, b, n, confidence: float | int) -> Interval | None:
    """The gap of a of m and b of n where counts are few, None where they are not."""
    if math.isnan(estimate):
        return undefined(confidence)
    if min(a, m - a, b, n - b) >= FEW:
        return None
    return replace(compare_shares(number, a, m, b, n, confidence=confidence), n=rows)


def _percentile(estimate: float, values: np.ndarray, n: int, lone: bool, confidence) -> Interval:
    """Percentile bootstrap from the replicates in which the number is defined."""
    values = values[~np.isnan(values)]
    if math.isnan(estimate) or len(values) == 0:
        return undefined(confidence)
    if lone:
        return Interval(estimate, math.nan, math.nan, confidence, n, "bootstrap")
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]  # np.quantile would import for 20 ms at first
    low, high = np.interp(ends, np.linspace(0, 1, len(values)), np.sort(values)).tolist()
    return Interval(estimate, low, high, confidence, n, "bootstrap")
