"""A reverse-mode automatic differentiation engine over NumPy arrays.

In the order lesson 04 uses it:

    Value      an array that remembers how it was computed: + - * / ** @ sum mean exp
               log tanh relu sigmoid reshape transpose (.T), and .backward();
               .graph() is the topological order, .backward_steps() stops at each node
    Edge       one input of a node: parent, local derivative, how gradients travel back
    as_value   a number or array as a leaf
    gradcheck  gradients against central differences
    to_rows  to_dot  to_svg    the graph as data, as DOT and as SVG text

It computes gradients and nothing else; a step of learning is a line of your own.
"""

from kit.autograd.drawing import to_dot, to_rows, to_svg
from kit.autograd.engine import Edge, Value, as_value, gradcheck

__all__ = ["Edge", "Value", "as_value", "gradcheck", "to_dot", "to_rows", "to_svg"]
