"""An audit of one model's decisions, as Markdown or one small HTML page.

audit  Audit
"""

import html
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kit import check
from kit.fairness import disparity, rates
from kit.fairness.frame import MetricFrame
from kit.fairness.groups import columns
from kit.fairness.rendering import cell, html_table, markdown_table, markdown_text
from kit.metrics import Interval

_ERRORS = (rates.true_positive_rate, rates.false_positive_rate, rates.positive_predictive_value)
RATES = (rates.base_rate, rates.selection_rate, *_ERRORS, rates.accuracy_score)
NOTE = """Estimates with 95% intervals; n is the denominator of a rate, or all rows. A difference is largest
minus smallest rate (0 is parity), a ratio smallest over largest (1 is parity); neither says who is worse
off. Where base rates differ, equal error rates and equal predictive values exclude each other."""


@dataclass(frozen=True, repr=False)
class Audit:
    """The report of `audit`: shows itself in a notebook, and saves itself.

    parts: headings and sentences (texts), and tables (head, rows). Names of groups and features are
    escaped in both forms, whatever they hold. Lesson: 20.
    """

    title: str
    parts: tuple
    warnings: tuple[str, ...]

    def to_markdown(self) -> str:
        """The report as Markdown."""
        shown = [markdown_text(p) if isinstance(p, str) else markdown_table(*p) for p in self._all()]
        return "\n\n".join(shown) + "\n"

    def _repr_html_(self) -> str:
        """The report as HTML without scripts or styles; every text is escaped."""
        return "\n".join(map(_html, self._all()))

    def save(self, path) -> None:
        """Write it to `path`: as HTML where the name ends in .html, else as Markdown."""
        head = f'<!doctype html><meta charset="utf-8"><title>{html.escape(self.title)}</title>'
        page = f"{head}\n{self._repr_html_()}\n"
        text = page if Path(path).suffix.lower() in (".html", ".htm") else self.to_markdown()
        Path(path).write_text(text, encoding="utf-8")

    def _all(self) -> list:
        return [f"# {cell(self.title)}", *self.parts, "## Warnings", *self.warnings]

    __repr__ = to_markdown


def _html(part) -> str:
    if not isinstance(part, str):
        return html_table(*part)
    level = len(part) - len(part.lstrip("#"))
    tag = f"h{level}" if level else "p"
    return f"<{tag}>{html.escape(part[level:].strip())}</{tag}>"


def audit(
    y_true, y_pred, *, sensitive_features, y_prob=None, title: str = "Fairness audit", small: int = 30
) -> Audit:
    """Audit binary decisions: rates of every group, gaps, four fifths, calibration.

    Rates, gaps and ratios come with n and interval. Several features are looked at one by one, then
    in combination. `y_prob`, the probabilities behind the decisions, adds calibration by group
    and the error that chance alone would give (`calibration_noise`).
    small: groups with fewer rows are warned about.

    Shapes: y_true, y_pred (N,) of 0/1 labels, y_prob (N,) in [0, 1]; sensitive_features as in
    `MetricFrame`. Raises: as `MetricFrame`, `four_fifths` (one group only) and `calibration_by_group`.
    Lesson: 20.
    """
    named, warnings = columns("sensitive_features", sensitive_features), []
    check.nonempty("sensitive_features", named)
    parts = [NOTE, (["rate", "formula", "meaning"], [[r.name, r.formula, r.meaning] for r in RATES])]
    for view in [{name: column} for name, column in named.items()] + [named] * (len(named) > 1):
        data = {"y_true": y_true, "y_pred": y_pred, "sensitive_features": view}
        frame = MetricFrame(metrics={rate.name: rate for rate in RATES}, **data)
        intervals, name = frame.interval(), cell(" and ".join(view))
        rows = [[key, n, *(_text(intervals[r][key]) for r in frame.metrics)] for key, n in frame.n.items()]
        overall, *gaps = (frame.interval(number) for number in ("overall", "difference", "ratio"))
        rows.append(["all rows", frame.rows, *map(_text, overall.values())])
        parts += [f"## By {name}", (["group", "rows", *frame.metrics], rows)]
        rows = [[rate, *(_text(gap[rate]) for gap in gaps)] for rate in frame.metrics]
        parts.append((["gap", "difference", "ratio"], rows))
        fifths = disparity.four_fifths(y_pred, sensitive_features=view)
        head = ["group", f"selected, as a share of {cell(fifths.reference)}", "four fifths", "p (Fisher)"]
        parts.append((head, [[k, _text(g.ratio), g.verdict, g.p_value] for k, g in fifths.groups.items()]))
        if y_prob is not None:
            bins = disparity.calibration_by_group(y_true, y_prob, sensitive_features=view)
            noise = disparity.calibration_noise
            rows = [[k, int(b.count.sum()), _mean(b), b.expected_error, noise(b)] for k, b in bins.items()]
            head = ["group", "rows", "mean probability", "calibration error", "by chance, up to"]
            parts.append((head, rows))
        warnings += [f"{name}: {cell(k)} has {n} rows" for k, n in frame.n.items() if 0 < n < small]
        for rate, found in frame.undefined.items():
            known = [(key, why) for key, why in found.items() if frame.n[key]]
            warnings += [f"{name}: {rate} of {cell(key)} is undefined: {why}" for key, why in known]
    return Audit(title, tuple(parts), tuple(warnings) or ("none",))


def _mean(bins) -> float:
    return float(np.nansum(bins.predicted * bins.count) / bins.count.sum())


def _text(value: Interval) -> str:
    ends = f" [{value.low:.3g}, {value.high:.3g}], n={value.n:,}" if value.n else ""
    return cell(value.estimate) + ends
