"""Pictures: what their publishers gave, in one form."""

import hashlib

import numpy as np
import pytest
import skimage.data
import sklearn.datasets
import torch

from kit import data
from kit.data import DataError, registry
from kit.data.images import read_photos


def test_fashion_is_a_stratified_subset_in_the_published_split():
    fashion = data.load("fashion_mnist")
    assert repr(fashion) == "Images('fashion_mnist': 14000 of 1x28x28, 10 classes)"
    assert fashion.pixels.dtype == torch.uint8
    assert torch.bincount(fashion.labels[fashion.train]).tolist() == [1200] * 10
    assert torch.bincount(fashion.labels[fashion.test]).tolist() == [200] * 10
    assert torch.equal(torch.cat([fashion.train, fashion.test]), torch.arange(14000))
    assert fashion.labels[:8].tolist() == [9, 0, 0, 3, 0, 2, 7, 2]  # as the published file begins
    assert fashion.class_names[9] == "Ankle boot"


def test_no_test_picture_is_a_training_picture():
    fashion = data.load("fashion_mnist")
    prints = [hashlib.sha256(p.numpy().tobytes()).digest() for p in fashion.pixels]
    seen = {prints[i] for i in fashion.train.tolist()}
    assert sum(prints[i] in seen for i in fashion.test.tolist()) == 0


def test_pictures_are_floats_between_black_and_white():
    fashion = data.load("fashion_mnist")
    x, y = fashion.part(fashion.test[:3])
    assert (x.shape, x.dtype, y.shape) == ((3, 1, 28, 28), torch.float32, (3,))
    assert (float(x.min()), float(x.max())) == (0.0, 1.0)
    assert torch.equal(fashion.images[fashion.test[:3]], x)
    assert len(fashion) == 14000


def test_photographs_equal_those_of_their_packages():
    photos = data.load("photos")
    wanted = {
        name: getattr(skimage.data, name)() for name in ("cat", "coffee", "rocket", "astronaut", "retina")
    }
    wanted["galaxies"] = skimage.data.hubble_deep_field()
    for name in ("china", "flower"):
        wanted["temple" if name == "china" else name] = sklearn.datasets.load_sample_image(f"{name}.jpg")
    assert set(photos) == set(wanted)
    assert len(photos) == 8
    for name, pixels in wanted.items():
        photo = photos[name]
        assert (photo.dtype, photo.shape[0]) == (torch.float32, 3)
        assert np.array_equal((photo * 255).round().byte().permute(1, 2, 0).numpy(), pixels), name


def test_an_unknown_photograph_is_named():
    photos = data.load("photos")
    assert "cat" in photos
    assert "dog" not in photos
    assert repr(photos).startswith("Photos('photos': cat, coffee, ")
    with pytest.raises(
        ValueError, match=r"^name='cats' is not known; did you mean 'cat'\? choose from cat, "
    ):
        photos["cats"]


def test_faces_come_first_and_background_second():
    faces = data.load("faces")
    assert repr(faces) == "Images('faces': 200 of 1x25x25, 2 classes)"
    assert (faces.class_names[0], faces.labels.tolist()) == ("face", [0] * 100 + [1] * 100)
    assert np.abs(faces.images[:, 0].numpy() - skimage.data.lfw_subset()).max() <= 0.5 / 255 + 1e-6
    assert (len(faces.train), len(faces.test)) == (200, 0)


def test_a_photograph_that_is_not_installed_is_named():
    entry = registry.Entry("p", "p", "dependency", "photos", options={"files": {"cat": "sklearn/none.png"}})
    with pytest.raises(DataError) as error:
        read_photos(entry, data.card("photos"))
    assert str(error.value) == "p needs sklearn/none.png, which is not installed; reinstall sklearn"
