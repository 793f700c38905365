"""Figures of lesson 00 show averages and the accuracy they reach."""

import pytest
import torch

from kit.plot.start import averages, nearest


@pytest.fixture
def ten_clusters():
    g = torch.Generator().manual_seed(0)
    centres = torch.rand(10, 64, generator=g)
    y = torch.arange(10).repeat(20)
    return centres, centres[y] + 0.05 * torch.randn(200, 64, generator=g), y


def test_nearest_names_the_closest_centre():
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    assert nearest(torch.tensor([[1.0, 1.0], [9.0, -1.0]]), centres).tolist() == [0, 1]


def test_averages_of_separate_clusters_recognise_everything(ten_clusters):
    centres, x, y = ten_clusters
    figure, alt = averages(x, y, x, y, samples=20, noise=0.0)
    assert "names 100.0% of 200 unseen digits rightly" in alt
    assert figure.get_suptitle() == "100.0% of 200 unseen digits right"
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_xticklabels()] == [str(d) for d in range(10)]
    strip = torch.from_numpy(ax.images[0].get_array().data)
    assert strip.shape == (8, 100)
    drawn = strip[:, 31:39].flatten()
    assert torch.allclose(drawn, x[y == 3].mean(0), atol=1e-5)
    assert torch.allclose(drawn, centres[3], atol=0.1)


@pytest.mark.parametrize(("samples", "noise"), [(1, 0.0), (1, 50.0), (1000, 3.0)])
def test_extreme_settings_draw(ten_clusters, samples, noise):
    _, x, y = ten_clusters
    figure, alt = averages(x, y, x, y, samples=samples, noise=noise)
    figure.canvas.draw()
    assert "nan" not in alt


def test_noise_costs_accuracy(ten_clusters):
    _, x, y = ten_clusters
    loud = averages(x, y, x, y, samples=1, noise=5.0)[1]
    assert "100.0%" not in loud
