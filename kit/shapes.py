"""Shape annotations: jaxtyping where it is installed, the bare type where not.

`Float[Tensor, "B T D"]` documents and, under `pytest --shapes`, checks a shape.
At run time it is free, and nothing here is needed to use kit: a machine that
has only torch and numpy (a Colab runtime, say) gets the plain tensor type.

The letters mean the same everywhere: B batch, T time, D features, H heads,
C channels (or classes where nothing else has channels), N samples, K choices.
"""

from torch import Tensor

try:
    from jaxtyping import Bool, Float, Int, Num, Shaped
except ImportError:

    class _Plain:
        def __class_getitem__(cls, item):
            return item[0]

    Bool = Float = Int = Num = Shaped = _Plain

__all__ = ["Bool", "Float", "Int", "Num", "Shaped", "Tensor"]
