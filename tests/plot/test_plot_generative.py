"""Figures of lesson 10 show what they are given; a frame of the GAN says where samples are pushed."""

import numpy as np
import pytest

from kit.plot.generative import (
    GRID,
    codes,
    counts,
    density,
    flow_paths,
    frame,
    judged,
    pictures,
    pulls,
    scrubber,
    stepper,
)

REAL = np.exp(-((GRID - 4) ** 2) / 2) / np.sqrt(2 * np.pi)


def frames():
    rng = np.random.default_rng(0)
    return [frame(step, rng.normal(step / 10, 1, 200), lambda x: 0.5 * x) for step in (0, 20, 40)]


def test_a_frame_holds_the_judge_as_probability_and_the_slope_of_log_d():
    made = frame(20, np.linspace(0, 2, 101), lambda x: 3 * x - 1)
    np.testing.assert_allclose(made.judged, 1 / (1 + np.exp(1 - 3 * GRID)))
    np.testing.assert_allclose(made.at, np.quantile(np.linspace(0, 2, 101), np.linspace(0.05, 0.95, 9)))
    log_d = lambda x: -np.log1p(np.exp(1 - 3 * x))  # noqa: E731
    slope = (log_d(made.at + 1e-5) - log_d(made.at - 1e-5)) / 2e-5
    np.testing.assert_allclose(made.push, slope, atol=1e-5)


def test_density_is_one_in_all_and_lies_where_the_samples_are():
    made = density(np.array([-1.0, 3.0, 3.1]))
    assert made.sum() * (GRID[1] - GRID[0]) == pytest.approx(1, abs=1e-3)
    assert abs(GRID[made.argmax()] - 3.05) < 0.1


def test_stepper_shows_the_frame_nearest_to_the_step_and_says_where_it_goes():
    draw = stepper({"one bell": (REAL, frames())})
    figure, alt = draw("one bell", 27)
    top, bottom = figure.axes
    assert alt.startswith("one bell, step 20: samples have mean 1.91")
    assert "the arrows point right" in alt
    np.testing.assert_allclose(bottom.lines[0].get_ydata(), 1 / (1 + np.exp(-0.5 * GRID)))
    np.testing.assert_allclose(top.lines[0].get_ydata(), density(frames()[1].samples))
    assert top.get_ylabel() == "density" and bottom.get_ylabel() == "D(x), probability of data"
    (arrows,) = [c for c in top.collections if hasattr(c, "U")]
    np.testing.assert_allclose(arrows.U, 2.5 * np.clip(frames()[1].push, -0.8, 0.8))


def test_stepper_draws_the_best_judge_only_when_asked():
    draw = stepper({"one bell": (REAL, frames())})
    plain, best = (draw("one bell", 40, asked)[0].axes[1] for asked in (False, True))
    assert len(best.lines) == len(plain.lines) + 1
    ratio = best.lines[-1].get_ydata()
    at = np.argmin(np.abs(GRID - 4))
    made = density(frames()[2].samples)
    assert ratio[at] == pytest.approx(REAL[at] / (REAL[at] + made[at]))


@pytest.mark.parametrize("step", [-100, 10_000])
def test_extreme_steps_draw(step):
    far = [frame(0, np.full(50, 1000.0), lambda x: 100 * x)]  # samples beyond the axis, a judge beyond doubt
    figure, alt = stepper({"far": (REAL, far)})("far", step, True)
    figure.canvas.draw()
    assert "nan" not in alt


def test_stepper_needs_runs_with_frames():
    with pytest.raises(ValueError, match="runs"):
        stepper({})
    with pytest.raises(ValueError, match="frames of empty"):
        stepper({"empty": (REAL, [])})


def test_pulls_cross_at_logit_zero():
    figure, alt = pulls()
    minimax, other = (line.get_ydata() for line in figure.axes[0].lines)
    np.testing.assert_allclose(minimax + other, 1)
    assert minimax[0] < 0.001 < other[0] and "at logit 0 both with 0.5" in alt


def test_flow_paths_run_from_noise_on_the_left_to_data():
    paths = np.array([[0.0, 1.0], [-2.0, 2.0]])
    figure, alt = flow_paths([1.0, 0.0], paths)
    ax = figure.axes[0]
    assert ax.get_xlim() == (1, 0) and len(ax.lines) == 2
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [1, 2])
    assert "a share of 0.50 above 0 and a mean distance of 2.00 from 0" in alt
    with pytest.raises(ValueError, match=r"times.*paths"):
        flow_paths([1.0], paths)


def test_pictures_stand_in_rows_with_names():
    rows = {"real": np.zeros((3, 8, 8)), "made": np.full((2, 8, 8), 2.0)}
    figure, alt = pictures(rows, title="Digits")
    ax = figure.axes[0]
    assert len(ax.images) == 5
    assert [label.get_text() for label in ax.get_yticklabels()] == ["real", "made"]
    assert ax.images[4].get_array().max() == 1  # kept in the range of grey
    assert alt == "Digits. Rows of pictures: real (3), made (2)."
    with pytest.raises(ValueError, match="rows"):
        pictures({}, title="none")


def test_codes_show_every_digit_once_and_count_those_in_the_ring():
    z, labels = np.array([[0.0, 0.0], [5.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 9])
    figure, alt = codes({"a": z, "b": z * 10}, labels)
    assert [ax.get_title() for ax in figure.axes] == ["a", "b"]
    shown = {line.get_label(): line.get_xdata().tolist() for line in figure.axes[0].lines}
    assert shown["other digits"] == [1.0] and shown["digit 1"] == [5.0] and shown["digit 4"] == []
    assert "a: 67% of the digits lie in the ring, farthest 5.0" in alt
    assert "b: 33%" in alt


def test_counts_are_bars_beside_each_other():
    figure, alt = counts({"lost": [0, 9, 0], "kept": [3, 3, 3]})
    ax = figure.axes[0]
    assert [bar.get_height() for bar in ax.patches] == [0, 9, 0, 3, 3, 3]
    assert ax.get_ylabel() == "samples"
    assert alt == "Samples by class: lost 1 classes, most often 1 (9); kept 3 classes, most often 0 (3)."


def test_judged_has_a_panel_for_each_measure_and_marks_real_images():
    table = {
        "GAN": {"share": [0.9, 1.0], "diversity": [0.5, 0.7]},
        "VAE": {"share": [1.0], "diversity": [0.8]},
    }
    figure, alt = judged(table, {"share": 0.97, "diversity": 1.0})
    left, right = figure.axes
    assert left.get_xlabel() == "share" and right.get_xlabel() == "diversity"
    np.testing.assert_array_equal(left.lines[0].get_xdata(), [0.9, 1.0])
    assert [line.get_xdata()[0] for line in (left.lines[-1], right.lines[-1])] == [0.97, 1.0]
    assert [label.get_text() for label in left.get_yticklabels()] == ["GAN", "VAE"]
    assert "GAN share 0.95" in alt and "VAE diversity 0.80" in alt


def test_scrubber_unfolds_z_beside_the_map_of_its_model():
    latent = {"a": np.array([[0.0, 0.0], [3.0, 4.0]]), "b": np.zeros((5, 2))}
    decoders = {"a": lambda x, y: np.full((8, 8), x), "b": lambda x, y: np.full((8, 8), y)}
    figure, alt = scrubber(decoders, latent)("a", 0.25, 0.0)
    left, right = figure.axes
    np.testing.assert_array_equal(np.column_stack(left.lines[0].get_data()), latent["a"])
    np.testing.assert_array_equal(np.ravel(left.lines[1].get_data()), (0.25, 0.0))
    np.testing.assert_array_equal(right.images[0].get_array(), np.full((8, 8), 0.25))
    assert alt.startswith("a: map of 2 images, the nearest 0.25 away from z = (0.25, 0), and the picture")
    assert alt.endswith("ink 0.25 on average.")
    assert "ink 0.50" in scrubber(decoders, latent)("b", 0.25, 0.5)[1]


def test_scrubber_needs_one_map_a_decoder():
    message = r"^decoders=\['a'\] and latent=\['b'\]; name the same models$"
    with pytest.raises(ValueError, match=message):
        scrubber({"a": lambda x, y: np.zeros((8, 8))}, {"b": np.zeros((1, 2))})
