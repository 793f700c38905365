"""The graph as data, DOT and SVG."""

import xml.etree.ElementTree as ElementTree

import pytest

from kit.autograd import Value, to_dot, to_rows, to_svg


def neuron():
    x, w = Value([1.0, 2.0], "x<1>"), Value([0.5, -0.25], 'w"')
    return (x @ w).relu()


def test_rows_hold_value_gradient_and_local_derivatives():
    y = Value(3.0, "a") * Value(-2.0, "b")
    y.backward()
    a, b, product = to_rows(y)
    assert (a["name"], a["op"], a["grad"], a["inputs"]) == ("a", "leaf", -2, [])
    assert (b["name"], b["grad"]) == ("b", 3)
    assert product["value"] == -6
    assert [(e["id"], e["rule"], float(e["local"])) for e in product["inputs"]] == [
        (0, "g · local", -2.0),
        (1, "g · local", 3.0),
    ]


def test_rules_name_what_has_no_single_local_derivative():
    rows = to_rows(neuron())
    assert [e["rule"] for e in rows[2]["inputs"]] == ["g @ Bᵀ", "Aᵀ @ g"]
    assert rows[2]["inputs"][0]["local"] is None


def test_dot_lists_every_node_and_edge():
    text = to_dot(neuron())
    assert text.startswith("digraph {")
    assert text.count("->") == 3
    assert 'n1 [label="w\\": leaf\\nvalue 2\\ngrad 2"];' in text
    assert text.endswith("}")


def test_svg_is_well_formed_and_complete():
    namespace = "{http://www.w3.org/2000/svg}"
    root = ElementTree.fromstring(to_svg(neuron(), marked=2))
    boxes = root.findall(f"{namespace}rect")
    assert len(boxes) == 4
    assert [box.get("fill") for box in boxes] == ["white", "white", "moccasin", "white"]
    assert len(root.findall(f"{namespace}line")) == 3
    texts = [t.text for t in root.findall(f"{namespace}text")]
    assert texts[:3] == ["x<1>: leaf", "value 2", "grad 2"]
    assert root.find(f"{namespace}title").text == "Computation graph of 4 nodes, from inputs to relu"


def test_boxes_do_not_overlap():
    x = Value(1.0)
    y = (x + 1) * (x + 2) * (x + 3)
    root = ElementTree.fromstring(to_svg(y))
    corners = {(box.get("x"), box.get("y")) for box in root.iter("{http://www.w3.org/2000/svg}rect")}
    assert len(corners) == len(y.graph())


def test_a_mark_outside_the_graph_is_named():
    with pytest.raises(ValueError) as error:
        to_svg(neuron(), marked=9)
    assert str(error.value) == "marked=9 is out of range; give an int >= 0 and <= 3"
