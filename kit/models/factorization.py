"""Matrix factorization: a rating from the vectors of a user and an item.

FactorizationConfig  MatrixFactorization
"""

from dataclasses import dataclass

import torch
from torch import nn

from kit import check, layers
from kit.shapes import Float, Int, Tensor


@dataclass(frozen=True)
class FactorizationConfig:
    """What a `MatrixFactorization` is built from.

    Args:
        users, items: how many there are.
        width: features of the vector of each; 0 leaves the biases alone.

    Raises:
        TypeError, ValueError: a size is not whole or too small.

    Lesson: 07
    """

    users: int
    items: int
    width: int = 32

    def __post_init__(self):
        check.integer("users", self.users, 1)
        check.integer("items", self.items, 1)
        check.integer("width", self.width, 0)

    @property
    def parameters(self) -> int:
        """Trainable parameters by formula: a vector and a bias for each user and item.

        Lesson: 07
        """
        return (self.users + self.items) * (self.width + 1)


class MatrixFactorization(nn.Module):
    """rating = mean + user's bias + item's bias + user's vector · item's vector.

    Args:
        config: the sizes.
        mean: mean rating of the training part, a constant and no parameter.
        generator: source of the initial vectors; None uses torch's global one.

    Raises:
        TypeError, ValueError: `mean` is no finite number.

    Source: Koren, Bell and Volinsky 2009, "Matrix Factorization Techniques for
    Recommender Systems", eq. 4. Lesson: 07
    """

    def __init__(self, config: FactorizationConfig, mean: float, *, generator: torch.Generator | None = None):
        super().__init__()
        check.number("mean", mean)
        self.config = config
        self.register_buffer("mean", torch.tensor(float(mean)))
        self.user_bias, self.item_bias = layers.Embedding(config.users, 1), layers.Embedding(config.items, 1)
        self.user = layers.Embedding(config.users, config.width)
        self.item = layers.Embedding(config.items, config.width)
        self.reset_parameters(generator)

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Biases 0, vectors of standard deviation 0.1: the first prediction is near the mean."""
        nn.init.zeros_(self.user_bias.weight)
        nn.init.zeros_(self.item_bias.weight)
        nn.init.normal_(self.user.weight, 0.0, 0.1, generator=generator)
        nn.init.normal_(self.item.weight, 0.0, 0.1, generator=generator)

    def forward(self, users: Int[Tensor, " B"], items: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Return the predicted rating of each pair (users[i], items[i]).

        Raises:
            ValueError: the shapes differ, or a number is outside the table.
        """
        check.same_shape("users", users, "items", items)
        bias = self.user_bias(users) + self.item_bias(items)
        return self.mean + bias.squeeze(-1) + (self.user(users) * self.item(items)).sum(-1)

    def scores(self, users: Int[Tensor, " B"]) -> Float[Tensor, "B N"]:
        """Return the predicted ratings of all N items for each user."""
        bias = self.user_bias(users) + self.item_bias.weight.T
        return self.mean + bias + self.user(users) @ self.item.weight.T

    def penalty(self, users: Int[Tensor, " B"], items: Int[Tensor, " B"]) -> Float[Tensor, ""]:
        """Mean over the pairs of ‖user's vector‖² + ‖item's vector‖² + both biases².

        Times λ it joins the squared error: who has few ratings stays near the mean.

        Source: Koren, Bell and Volinsky 2009, eq. 5.
        """
        tables = ((self.user, users), (self.item, items), (self.user_bias, users), (self.item_bias, items))
        return sum(table(index).square().sum() for table, index in tables) / len(users)
