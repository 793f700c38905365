"""The key-value cache: what a decoder need not compute again for each new token.

KeyValueCache
"""

from kit import check
from kit.shapes import Float, Tensor


class KeyValueCache:
    """Keys and values of the tokens seen so far, for each layer of a decoder.

    One buffer per layer is allocated at the first token and filled from the left, so a
    step copies one token, not all. `length` counts the tokens that every layer has seen.

    Args:
        num_layers: layers of the decoder.
        max_length: tokens the buffers hold.

    Raises:
        TypeError, ValueError: a size is not a whole number >= 1.

    Source: Pope et al. 2022, arXiv:2211.05102, section 2 (memory: 2 · layers · B · heads · T · D numbers).
    Lesson: 08
    """

    def __init__(self, num_layers: int, max_length: int):
        check.integer("num_layers", num_layers, 1)
        check.integer("max_length", max_length, 1)
        self.max_length, self.length = max_length, 0
        self._buffers: list[tuple[Tensor, Tensor] | None] = [None] * num_layers

    def update(
        self, layer: int, key: Float[Tensor, "B H T D"], value: Float[Tensor, "B H T E"]
    ) -> tuple[Float[Tensor, "B H S D"], Float[Tensor, "B H S E"]]:
        """Append T tokens to one layer and return all S = length + T of it.

        `length` moves when the last layer has been updated.

        Raises:
            ValueError: the tokens do not fit into `max_length`, or B, H or D changed.
        """
        stop = self.length + key.shape[-2]
        if stop > self.max_length:
            raise ValueError(
                f"{key.shape[-2]} tokens after {self.length} pass max_length={self.max_length}; "
                "generate fewer tokens or make the cache longer"
            )
        if self._buffers[layer] is None:
            self._buffers[layer] = tuple(
                x.new_empty(*x.shape[:-2], self.max_length, x.shape[-1]) for x in (key, value)
            )
        buffers = self._buffers[layer]
        for name, buffer, new in zip(("key", "value"), buffers, (key, value), strict=True):
            if buffer.shape[:-2] != new.shape[:-2] or buffer.shape[-1] != new.shape[-1]:
                raise ValueError(
                    f"{name} has shape {tuple(new.shape)}, the cache holds (B, H, T, D) = "
                    f"{(*buffer.shape[:-2], 'T', buffer.shape[-1])}; make a new cache"
                )
            buffer[..., self.length : stop, :] = new
        if layer == len(self._buffers) - 1:
            self.length = stop
        return buffers[0][..., :stop, :], buffers[1][..., :stop, :]

    def reorder(self, rows: Tensor) -> None:
        """Keep the given rows of the batch, in that order (what a beam search needs).

        Lesson: 09
        """
        self._buffers = [
            None if pair is None else tuple(x.index_select(0, rows) for x in pair) for pair in self._buffers
        ]

    @property
    def bytes(self) -> int:
        """Memory of the buffers in bytes; 0 before the first token.

        Lesson: 08
        """
        return sum(x.numel() * x.element_size() for pair in self._buffers if pair for x in pair)

    def __repr__(self) -> str:
        return f"KeyValueCache({len(self._buffers)} layers, {self.length} of {self.max_length} tokens)"
