"""Augmentation: torchvision's pictures, the same again for the same state, and the class kept."""

import pytest
import torch

from kit import data, losses
from kit.data import augment

data.ensure_torchvision()
tv = pytest.importorskip("torchvision.transforms.functional")

RANDOM = {
    "crop": lambda x, g: augment.random_crop(x, padding=3, generator=g),
    "flip": lambda x, g: augment.random_flip(x, generator=g),
    "rotation": lambda x, g: augment.random_rotation(x, degrees=20, generator=g),
    "light": lambda x, g: augment.random_light(x, strength=0.4, generator=g),
    "cutout": lambda x, g: augment.cutout(x, size=5, generator=g),
    "mixup": lambda x, g: augment.mixup(x, torch.arange(len(x)) % 3, classes=3, alpha=1.0, generator=g)[0],
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(channels: int = 3, height: int = 12, width: int = 10) -> torch.Tensor:
    return torch.rand(16, channels, height, width, generator=generator(7))


@pytest.mark.parametrize("name", RANDOM)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_new_batch_of_the_same_shape_and_range(name, channels):
    x = batch(channels)
    kept = x.clone()
    out = RANDOM[name](x, generator())
    assert (out.shape, out.dtype) == (x.shape, x.dtype)
    assert float(out.min()) >= 0
    assert float(out.max()) <= 1 + 1e-6
    assert torch.equal(x, kept)
    assert not torch.equal(out, x)


@pytest.mark.parametrize("name", RANDOM)
def test_the_generator_alone_decides(name):
    x = batch()
    torch.manual_seed(1)
    first = RANDOM[name](x, generator(3))
    torch.manual_seed(2)
    assert torch.equal(RANDOM[name](x, generator(3)), first)
    assert not torch.equal(RANDOM[name](x, generator(4)), first)


@pytest.mark.parametrize("name", ["crop", "flip", "rotation", "light"])
def test_each_picture_has_its_own_change(name):
    out = RANDOM[name](batch()[:1].expand(64, -1, -1, -1), generator())
    assert len(torch.unique(out.flatten(1), dim=0)) > 1


def test_a_crop_is_one_of_torchvisions_crops():
    x = batch()
    padded = tv.pad(x, [2, 2, 2, 2])
    crops = torch.stack([tv.crop(padded, i, j, 12, 10) for i in range(5) for j in range(5)])  # (25, B, ...)
    out = augment.random_crop(x, padding=2, generator=generator())
    match = (crops == out).flatten(2).all(2)  # (25, B)
    assert match.any(0).all()
    assert match.any(1).sum() > 5


def test_without_padding_a_crop_is_the_picture():
    assert torch.equal(augment.random_crop(batch(), padding=0, generator=generator()), batch())


def test_a_flip_is_torchvisions_with_its_probability():
    x = batch()
    assert torch.equal(augment.random_flip(x, probability=1, generator=generator()), tv.hflip(x))
    assert torch.equal(augment.random_flip(x, probability=0, generator=generator()), x)
    many = x[:1].expand(4000, -1, -1, -1)
    flipped = (augment.random_flip(many, probability=0.3, generator=generator()) != many).flatten(1).any(1)
    assert abs(float(flipped.float().mean()) - 0.3) < 0.03


@pytest.mark.parametrize("size", [(12, 10), (9, 15), (8, 8)])
def test_a_rotation_is_torchvisions(size):
    x = batch(3, *size)
    degrees = torch.linspace(-180, 180, len(x))
    theirs = torch.stack(
        [tv.rotate(p, float(d), interpolation=tv.InterpolationMode.BILINEAR) for p, d in zip(x, degrees)]
    )
    assert torch.allclose(augment.rotate(x, degrees), theirs, atol=1e-4)


def test_a_quarter_turn_goes_against_the_clock():
    x = batch(1, 8, 8)
    assert torch.allclose(augment.rotate(x, torch.full((16,), 90.0)), torch.rot90(x, 1, (2, 3)), atol=1e-5)


def test_a_random_rotation_stays_within_its_degrees():
    x = torch.zeros(200, 1, 101, 101)
    x[:, :, 50, 95] = 1  # a dot on the right of the centre
    out = augment.random_rotation(x, degrees=30, generator=generator())
    row = out.flatten(2).argmax(2).squeeze(1) // 101
    assert 20 <= 50 - int(row.min()) <= 23  # 45 sin 30 = 22.5
    assert 20 <= int(row.max()) - 50 <= 23


@pytest.mark.parametrize("channels", [1, 3])
def test_light_is_torchvisions_brightness_and_contrast(channels):
    x = batch(channels)
    brightness, contrast = torch.linspace(0, 2, 16), torch.linspace(2, 0, 16)
    theirs = [
        tv.adjust_contrast(tv.adjust_brightness(p, float(b)), float(c))
        for p, b, c in zip(x, brightness, contrast)
    ]
    assert torch.allclose(augment.adjust_light(x, brightness, contrast), torch.stack(theirs), atol=1e-4)


def test_cutout_blackens_one_square():
    x = torch.ones(500, 2, 12, 10)
    dark = augment.cutout(x, size=4, generator=generator()) == 0
    assert torch.equal(dark[:, 0], dark[:, 1])
    rows, columns = dark[:, 0].any(2).sum(1), dark[:, 0].any(1).sum(1)
    assert torch.equal(rows * columns, dark[:, 0].sum((1, 2)))  # a rectangle
    assert (int(rows.max()), int(columns.max()), int(rows.min()), int(columns.min())) == (4, 4, 2, 2)
    inside = next(i for i in range(500) if rows[i] == columns[i] == 4)
    top, left = (int(d.nonzero()[0]) for d in (dark[inside, 0].any(1), dark[inside, 0].any(0)))
    assert torch.equal((~dark[inside]).float(), tv.erase(x[inside], top, left, 4, 4, torch.tensor(0.0)))
    assert torch.equal(augment.cutout(x, size=0, generator=generator()), x)


def test_mixup_blends_pictures_and_labels_alike():
    x, labels = torch.eye(6)[:, None, None], torch.arange(6)  # picture i is a 1 at i
    mixed, target = augment.mixup(x, labels, classes=6, alpha=1.0, generator=generator())
    assert torch.allclose(mixed.flatten(1), target)
    assert torch.allclose(target.sum(1), torch.ones(6))
    assert torch.isfinite(losses.cross_entropy(torch.zeros(6, 6), target))


def test_mixup_weighs_as_its_beta_distribution():
    x, labels, g = torch.zeros(2, 1), torch.tensor([0, 1]), generator()
    shares = torch.stack(
        [augment.mixup(x, labels, classes=2, alpha=2.0, generator=g)[1][0, 0] for _ in range(3000)]
    )
    mixed = shares[shares < 1]  # half of the time the other one is the picture itself
    assert abs(float(mixed.mean()) - 0.5) < 0.02
    assert abs(float(mixed.var()) - 1 / 20) < 0.005  # Beta(2, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x, g: augment.random_crop(x[0], padding=1, generator=g), ValueError,
         "x has shape (3, 12, 10), 4 dimensions are needed; reshape it"),
        (lambda x, g: augment.random_flip(x.byte(), generator=g), TypeError,
         "x has dtype torch.uint8, a floating one is needed; use x.float()"),
        (lambda x, g: augment.random_crop(x, padding=-1, generator=g), ValueError,
         "padding=-1 is out of range; give an int >= 0"),
        (lambda x, g: augment.random_flip(x, probability=2, generator=g), ValueError,
         "probability=2 is out of range; give a float >= 0 and <= 1"),
        (lambda x, g: augment.random_rotation(x, degrees=200, generator=g), ValueError,
         "degrees=200 is out of range; give a float >= 0 and <= 180"),
        (lambda x, g: augment.rotate(x, torch.ones(3)), ValueError,
         "degrees has shape (3,), (16,) is needed; give one per picture"),
        (lambda x, g: augment.random_light(x, strength=1.5, generator=g), ValueError,
         "strength=1.5 is out of range; give a float >= 0 and <= 1"),
        (lambda x, g: augment.cutout(x, size=11, generator=g), ValueError,
         "size=11 is out of range; give an int >= 0 and <= 10"),
        (lambda x, g: augment.mixup(x, torch.arange(16), classes=10, generator=g), ValueError,
         "classes=10 is out of range; give an int >= 16"),
        (lambda x, g: augment.mixup(x, torch.arange(16), classes=16, alpha=0, generator=g), ValueError,
         "alpha=0 is out of range; give a float > 0"),
        (lambda x, g: augment.mixup(x, torch.arange(5), classes=16, generator=g), ValueError,
         "len(x)=16, len(labels)=5 differ; give one entry of each per sample"),
    ],
)  # fmt: skip
def test_mistakes_are_named_with_a_way_out(call, error, message, request):
    if request.config.getoption("--shapes") and message.startswith(("x has", "degrees has", "len(x)")):
        pytest.skip("the type checker speaks first")
    with pytest.raises(error) as caught:
        call(batch(), generator())
    assert str(caught.value) == message
