"""Results show themselves offline, without matplotlib."""

import base64
import re
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from kit.interpret import Attribution


def parse(svg):
    return ElementTree.fromstring(svg)


def test_bars_show_names_signs_and_the_largest_of_many():
    values = torch.tensor([[0.5, -2.0, 0.0], [1.0, 1.0, 1.0]])
    root = parse(Attribution(values, "Saliency").to_svg(0, names=["age", "<income>", "zip"]))
    texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["age", "0.5", "<income>", "-2", "zip", "0"]
    bars = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert [bar.get("fill") for bar in bars] == ["firebrick", "steelblue", "firebrick"]
    assert [float(bar.get("width")) for bar in bars] == [22.5, 90.0, 0.0]
    many = Attribution(torch.arange(100.0)[None], "Saliency").to_svg()
    assert len(list(parse(many).iter("{http://www.w3.org/2000/svg}rect"))) == 24
    assert ">99<" in many and ">75<" not in many


def test_a_heat_map_is_a_picture_with_red_for_and_blue_against():
    values = torch.zeros(1, 2, 3, 5)
    values[0, :, 0, 0], values[0, 0, 2, 4] = 1.0, -2.0
    svg = Attribution(values, "Occlusion").to_svg()
    png = base64.b64decode(re.search(r"base64,([^\"]+)", svg).group(1))
    assert png.startswith(b"\x89PNG")
    size = int.from_bytes(png[33:37], "big")
    lines = np.frombuffer(zlib.decompress(png[41 : 41 + size]), np.uint8).reshape(3, 16)
    pixels = lines[:, 1:].reshape(3, 5, 3)
    assert pixels[0, 0].tolist() == [178, 34, 34]
    assert pixels[2, 4].tolist() == [70, 130, 180]
    assert pixels[1, 1].tolist() == [255, 255, 255]
    parse(svg)


def test_a_notebook_shows_the_first_samples_of_every_part():
    parts = (torch.rand(6, 3), torch.rand(6, 4, 4))
    shown = Attribution(parts, "Saliency", target=1, delta=torch.tensor([0.5, -0.25]))._repr_html_()
    assert shown.count("<svg") == 8
    assert "Saliency (6, 3) and (6, 4, 4), target 1, largest gap 0.5" in shown
    several = Attribution(torch.rand(3, 2, 4), "Saliency", target="all")
    assert several._repr_html_().count("<svg") == 2
    assert several.to_svg(1, output=2) != several.to_svg(1, output=0)


def test_indices_out_of_range_are_named():
    made = Attribution(torch.rand(2, 3), "Saliency")
    for call, text in [
        (lambda: made.to_svg(2), "sample=2 is out of range; give an int >= 0 and <= 1"),
        (lambda: made.to_svg(part=1), "part=1 is out of range; give an int >= 0 and <= 0"),
        (
            lambda: made.to_svg(names=["a"]),
            "len(names)=1, len(values)=3 differ; give one entry of each per sample",
        ),
    ]:
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == text


def test_values_that_are_not_numbers_are_drawn_as_nothing():
    for shape in ((2, 3), (2, 3, 3)):
        made = Attribution(torch.full(shape, float("nan")), "Saliency")
        assert "from nan to nan" in made.to_svg()
        parse(made.to_svg())
