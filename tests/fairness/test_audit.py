"""The report: what it says, in both forms, and that it can be trusted with strange names."""

import re

import numpy as np
import pytest

from kit import fairness
from kit.fairness.rendering import cell, html_table, markdown_table


def sample(n=400):
    rng = np.random.default_rng(0)
    sex, race = rng.choice(["F", "M"], n), rng.choice(["<b>", "c|d"], n, p=[0.97, 0.03])
    prob = rng.random(n)
    y = (rng.random(n) < prob).astype(int)
    y[race == "c|d"] = 0
    return y, (prob + 0.2 * (sex == "M") > 0.5).astype(int), {"sex": sex, "race": race}, prob


def test_it_looks_at_each_feature_and_at_their_combination():
    y, p, features, prob = sample()
    report = fairness.audit(y, p, sensitive_features=features, y_prob=prob, title="Loans").to_markdown()
    assert re.findall("^#+ .*", report, re.M) == [
        "# Loans",
        "## By sex",
        "## By race",
        "## By sex and race",
        "## Warnings",
    ]
    rate = fairness.MetricFrame(
        metrics=fairness.selection_rate, y_true=y, y_pred=p, sensitive_features=features["sex"]
    )
    women = rate.interval()["F"]
    assert f"{women.estimate:.4g} [{women.low:.3g}, {women.high:.3g}], n={women.n}" in report
    gap = rate.interval("difference")
    assert f"{gap.estimate:.4g} [{gap.low:.3g}, {gap.high:.3g}], n=400" in report
    assert "perhaps fails" in report or "| fails" in report
    error = fairness.calibration_by_group(y, prob, sensitive_features=features["sex"])["F"].expected_error
    assert f"{error:.4g}" in report


def test_small_groups_and_undefined_rates_are_warned_about():
    y, p, features, _ = sample()
    found = fairness.audit(y, p, sensitive_features=features["race"])
    few = int((features["race"] == "c|d").sum())
    assert f"sensitive_feature_0: c|d has {few} rows" in found.warnings
    undefined = "true_positive_rate of c|d is undefined: division by 0 in TP / (FN + TP)"
    assert f"sensitive_feature_0: {undefined}" in found.warnings
    plenty = fairness.audit(y, p, sensitive_features=features["sex"], small=2)
    assert plenty.warnings == ("none",)


def test_html_is_escaped_and_has_every_table():
    y, p, features, prob = sample()
    found = fairness.audit(y, p, sensitive_features=features, y_prob=prob, title="A & B")
    page = found._repr_html_()
    assert page.count("<table>") == found.to_markdown().count("\n| --") == 1 + 3 * 4
    assert "<h1>A &amp; B</h1>" in page
    assert "&lt;b&gt;" in page and "<b>" not in page and "<script" not in page
    assert r"c\|d" in found.to_markdown()
    assert repr(found) == found.to_markdown()


@pytest.mark.parametrize(("name", "start"), [("audit.html", "<!doctype html>"), ("audit.md", "# Fairness")])
def test_it_saves_itself_in_the_form_the_name_asks_for(name, start, tmp_path):
    y, p, features, _ = sample()
    fairness.audit(y, p, sensitive_features=features["sex"]).save(tmp_path / name)
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert text.startswith(start)
    assert len(text) < 10_000


def test_scores_outside_the_unit_interval_are_refused():
    y, p, features, prob = sample()
    with pytest.raises(ValueError, match=r"y_prob holds \d+ values outside \[0, 1\] of 400"):
        fairness.audit(y, p, sensitive_features=features, y_prob=prob * 2)


def test_tables():
    rows = [[("F", "a"), float("nan"), 12345.6], ["x", 0.123456, 3]]
    assert markdown_table(["group", "b", "c"], rows).splitlines() == [
        "| group | b         | c      |",
        "| ----- | --------- | ------ |",
        "| F / a | undefined | 12,346 |",
        "| x     | 0.1235    | 3      |",
    ]
    assert html_table(["a", "b"], [["<", 1]]) == (
        "<table><tr><th>a</th><th>b</th></tr><tr><td>&lt;</td><td>1</td></tr></table>"
    )
    assert cell(0.5) == "0.5"


EVIL = "</td><script>alert(1)</script>\n# x"


def test_no_name_gets_out_of_its_cell():
    """Groups, features and the title hold HTML, Markdown and line breaks."""
    group = np.array([EVIL, "a|b", "\\<img src=x onerror=alert(1)>"])[np.arange(300) % 3]
    y = np.arange(300) // 3 % 2
    found = fairness.audit(y, y, sensitive_features={EVIL: group, "b": y == 1}, title=EVIL, small=200)
    page, text = found._repr_html_(), found.to_markdown()
    assert not re.search("<(script|img|/td><s)", page)
    assert set(re.findall("</?([a-z0-9]+)", page)) == {"h1", "h2", "p", "table", "tr", "th", "td"}
    assert re.search(r"(?<!\\)(\\\\)*<", text) is None  # every < is behind an odd number of backslashes
    rows = [line for line in text.split("## By b")[0].split("## By")[1].splitlines() if line.startswith("|")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [9] * 6 + [4] * 8 + [5] * 4
    assert not [line for line in text.splitlines() if line.startswith("# x")]


def test_a_page_has_a_title(tmp_path):
    y, p, features, _ = sample()
    fairness.audit(y, p, sensitive_features=features["sex"], title="A <b>").save(tmp_path / "page.HTM")
    assert "<title>A &lt;b&gt;</title>" in (tmp_path / "page.HTM").read_text(encoding="utf-8")


def test_calibration_tells_rows_and_the_mean_probability():
    y, p, features, prob = sample()
    text = fairness.audit(y, p, sensitive_features=features["sex"], y_prob=prob).to_markdown()
    women = features["sex"] == "F"
    calibration = text.split("by chance, up to |")[1]
    assert f"| F     | {women.sum()}  | {prob[women].mean():.4g} " in calibration
    bins = fairness.calibration_by_group(y, prob, sensitive_features=features["sex"])["F"]
    line = next(row for row in calibration.splitlines() if row.startswith("| F "))
    ends = [float(field) for field in line.split("|")[4:6]]
    assert ends == pytest.approx([bins.expected_error, fairness.calibration_noise(bins)], rel=1e-3)
