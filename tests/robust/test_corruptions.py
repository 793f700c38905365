"""Corruptions: every one gets worse by its severity, repeats by its seed, and stays a picture."""

import numpy as np
import pytest
import scipy.ndimage
import torch

from kit.robust import CORRUPTIONS, corrupt, corruption_accuracy


@pytest.fixture(scope="module")
def pictures():
    """Smooth colour pictures of odd sizes."""
    x = torch.rand(40, 3, 7, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(x, size=(27, 32), mode="bicubic").clamp(0, 1)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_there_are_twelve_at_five_severities():
    assert len(CORRUPTIONS) == 12
    assert {len(levels) for _, levels in CORRUPTIONS.values()} == {5}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_severity_moves_a_picture_farther(name, pictures):
    found = [corrupt(pictures, name, severity, generator=seeded()) for severity in range(1, 6)]
    away = [float((x - pictures).square().mean()) for x in found]
    assert away == sorted(away)
    assert away[0] > 0
    assert away[4] > 1.4 * away[0]
    assert all(x.shape == pictures.shape and x.min() >= 0 and x.max() <= 1 for x in found)
    assert torch.equal(found[2], corrupt(pictures, name, 3, generator=seeded()))
    assert corrupt(pictures.double(), name, 3, generator=seeded()).dtype == torch.float64


def test_levels_are_those_of_the_paper(pictures):
    grey = torch.full((200, 1, 20, 20), 0.5)
    noise = corrupt(grey, "gaussian_noise", 1, generator=seeded()) - grey
    assert float(noise.std()) == pytest.approx(0.08, rel=0.02)
    shots = corrupt(grey, "shot_noise", 2, generator=seeded())
    assert float(shots.var()) == pytest.approx(0.5 / 25, rel=0.05)
    specks = corrupt(grey, "impulse_noise", 5, generator=seeded())
    assert float((specks == 1).float().mean()) == pytest.approx(0.135, abs=0.01)
    assert float((specks == 0).float().mean()) == pytest.approx(0.135, abs=0.01)
    assert torch.allclose(corrupt(grey, "brightness", 2, generator=seeded()), grey + 0.2)
    flat = corrupt(pictures, "contrast", 5, generator=seeded())
    assert float(flat.std()) < 0.6 * float(pictures.std())
    assert torch.allclose(flat.mean((1, 2, 3)), pictures.mean((1, 2, 3)), atol=1e-5)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_layout_in_memory_changes_nothing(name, pictures):
    plain = corrupt(pictures, name, 3, generator=seeded())
    for other in (pictures.to(memory_format=torch.channels_last), pictures.mT.contiguous().mT):
        assert torch.equal(other, pictures)
        assert torch.allclose(corrupt(other, name, 3, generator=seeded()), plain, atol=1e-6)


def test_random_numbers_come_from_the_generator_alone(pictures):
    before, state = pictures.clone(), torch.get_rng_state()
    for name in CORRUPTIONS:
        corrupt(pictures, name, 5, generator=seeded())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(pictures, before)


def test_contrast_keeps_the_mean_of_each_channel(pictures):
    flat = corrupt(pictures, "contrast", 4, generator=seeded())
    assert torch.allclose(flat.mean((2, 3)), pictures.mean((2, 3)), atol=1e-5)
    assert torch.allclose(flat.std((2, 3)), 0.3 * pictures.std((2, 3)), atol=1e-5)


def test_blur_equals_scipys(pictures):
    ours = corrupt(pictures.double(), "gaussian_blur", 5, generator=seeded())
    sigma = 0.07 * 32
    theirs = scipy.ndimage.gaussian_filter(
        pictures.double().numpy(), (0, 0, sigma, sigma), mode="nearest", radius=(0, 0, 8, 8)
    )
    assert np.abs(ours.numpy() - theirs).max() < 1e-9


def test_the_report_counts_every_corruption(trained):
    model, x, y = trained
    report = corruption_accuracy(model, x, y, generator=seeded())
    assert list(report.accuracy) == list(CORRUPTIONS)
    with torch.no_grad():
        assert report.clean == (model(x).argmax(1) == y).double().mean()
        first = model(corrupt(x, "gaussian_noise", 1, generator=seeded())).argmax(1) == y
    assert report.accuracy["gaussian_noise"][0] == first.double().mean()
    assert report.mean == pytest.approx(np.mean(list(report.accuracy.values())))
    assert 0.3 < report.mean < report.clean
    assert str(report).splitlines()[0] == f"clean {report.clean:.3f}, corrupted {report.mean:.3f}, n=120"
    assert len(str(report).splitlines()) == 13


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: corrupt(x[:0], "fog", 1, generator=seeded()), "x is empty; give at least one item"),
        (
            lambda x: corrupt(x, "fogg", 1, generator=seeded()),
            "name='fogg' is not known; did you mean 'fog'? choose from " + ", ".join(CORRUPTIONS),
        ),
        (
            lambda x: corrupt(x, "fog", 6, generator=seeded()),
            "severity=6 is out of range; give an int >= 1 and <= 5",
        ),
        (
            lambda x: corrupt(x[0], "fog", 1, generator=seeded()),
            "x has shape (3, 27, 32), 4 dimensions are needed; reshape it",
        ),
        (
            lambda x: corrupt(x * 0 + 255, "fog", 1, generator=seeded()),
            "x holds values from 255 to 255, outside bounds=(0, 1); "
            "give inputs or bounds that agree, and normalize inside the model",
        ),
    ],
)
def test_mistakes_in_corruptions_are_named(pictures, call, message):
    with pytest.raises(ValueError) as caught:
        call(pictures)
    assert str(caught.value) == message
