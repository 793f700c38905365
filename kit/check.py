"""Checks at the border: one clear error per mistake, the hot path stays clean.

Every message has the form "name=value, rule; way out", for example
`heads=6 does not divide width=128; choose heads from 1, 2, 4, 8, 16, 32, 64, 128`.
Nothing is imported here, so every room may use it; tensors and arrays are
recognised by what they offer (`shape`, `dtype`).

    one_of  integer  number  probability  divides  nonempty  same_length
    tensor  same_shape  finite
"""

import difflib
import math
import operator


def show(value, limit: int = 60) -> str:
    """`value` as a short text for a message; arrays and tensors by shape and dtype."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{type(value).__name__}{tuple(value.shape)} of {value.dtype}"
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def one_of(name: str, value, allowed) -> None:
    """Raise ValueError unless `value` is one of `allowed`; suggest the nearest name."""
    allowed = tuple(allowed)
    if value in allowed:
        return
    near = difflib.get_close_matches(str(value), [str(a) for a in allowed], n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(
        f"{name}={show(value)} is not known; {hint}choose from {', '.join(str(a) for a in allowed)}"
    )


def integer(name: str, value, low: int | None = None, high: int | None = None) -> None:
    """Raise TypeError unless `value` is whole, ValueError outside [low, high]."""
    try:
        whole = operator.index(value) if not isinstance(value, bool) else None
    except TypeError:  # a float tensor has __index__, too, and raises when it is called
        whole = None
    if whole is None:
        raise TypeError(f"{name}={show(value)} is not a whole number; give an int{_span(low, high)}")
    if (low is not None and whole < low) or (high is not None and whole > high):
        raise ValueError(f"{name}={whole} is out of range; give an int{_span(low, high)}")


def number(name: str, value, low=None, high=None, *, above=None, below=None) -> None:
    """Raise unless `value` is finite, in [low, high] and in (above, below)."""
    try:
        real = float(value) if not isinstance(value, (bool, str)) else None
    except OverflowError:  # an int beyond the largest float
        real = math.inf
    except (TypeError, ValueError, RuntimeError):
        real = None
    if real is None:
        span = _span(low, high, above, below)
        raise TypeError(f"{name}={show(value)} is not a number; give a float{span}")
    bad = (
        not math.isfinite(real)
        or (low is not None and real < low)
        or (high is not None and real > high)
        or (above is not None and real <= above)
        or (below is not None and real >= below)
    )
    if bad:
        span = _span(low, high, above, below)
        raise ValueError(f"{name}={show(value)} is out of range; give a float{span or ' that is finite'}")


def probability(name: str, value) -> None:
    """Raise unless 0 <= value <= 1."""
    number(name, value, 0, 1)


def divides(name: str, value: int, whole_name: str, whole: int) -> None:
    """Raise ValueError unless `value` divides `whole`; list the values that do."""
    integer(name, value, 1)
    if whole % value:
        fits = [d for d in range(1, whole + 1) if whole % d == 0]
        raise ValueError(
            f"{name}={value} does not divide {whole_name}={whole}; "
            f"choose {name} from {', '.join(map(str, fits))}"
        )


def nonempty(name: str, value) -> None:
    """Raise ValueError when `value` holds nothing."""
    if len(value) == 0:
        raise ValueError(f"{name} is empty; give at least one item")


def same_length(**sized) -> None:
    """Raise ValueError unless all keyword arguments have the same length."""
    lengths = {name: len(value) for name, value in sized.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"len({n})={k}" for n, k in lengths.items())
        raise ValueError(f"{listed} differ; give one entry of each per sample")


def tensor(name: str, value, *, ndim=None, last: int | None = None, kind: str | None = None) -> None:
    """Check a tensor's rank, last dimension and kind of dtype ('float' or 'integer').

    `ndim` is a rank or a tuple of ranks. Raises TypeError for something without
    shape and dtype or of another kind, ValueError for a wrong shape.
    """
    if not (hasattr(value, "shape") and hasattr(value, "dtype")):
        raise TypeError(f"{name}={show(value)} is not a tensor; convert it with torch.as_tensor({name})")
    is_float = "float" in str(value.dtype)
    if kind == "float" and not is_float:
        raise TypeError(f"{name} has dtype {value.dtype}, a floating one is needed; use {name}.float()")
    if kind == "integer" and "int" not in str(value.dtype):
        raise TypeError(f"{name} has dtype {value.dtype}, whole numbers are needed; use {name}.long()")
    ranks = (ndim,) if isinstance(ndim, int) else ndim
    if ranks is not None and len(value.shape) not in ranks:
        wanted = " or ".join(map(str, ranks)) + (" dimension is" if ranks == (1,) else " dimensions are")
        raise ValueError(f"{name} has shape {tuple(value.shape)}, {wanted} needed; reshape it")
    if last is not None and (len(value.shape) == 0 or value.shape[-1] != last):
        raise ValueError(
            f"{name} has shape {tuple(value.shape)}, its last dimension must be {last}; reshape it"
        )


def same_shape(a_name: str, a, b_name: str, b) -> None:
    """Raise ValueError unless two tensors have equal shapes."""
    if tuple(a.shape) != tuple(b.shape):
        raise ValueError(
            f"{a_name} has shape {tuple(a.shape)} and {b_name} {tuple(b.shape)}; "
            "they must be the same, reshape one of them"
        )


def finite(name: str, value) -> None:
    """Raise ValueError when a tensor or array holds NaN or infinity."""
    bad = int((value != value).sum()) + int((abs(value) == math.inf).sum())
    if bad:
        raise ValueError(
            f"{name} holds {bad} NaN or infinite values of {math.prod(value.shape)}; remove or replace them"
        )


def _span(low=None, high=None, above=None, below=None) -> str:
    parts = [f">= {low}"] * (low is not None) + [f"> {above}"] * (above is not None)
    parts += [f"<= {high}"] * (high is not None) + [f"< {below}"] * (below is not None)
    return " " + " and ".join(parts) if parts else ""
