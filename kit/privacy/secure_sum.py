"""Secure aggregation: the server learns the sum of the clients' vectors and no single one.

secure_sum  to_fixed_point  from_fixed_point  split_secret  join_secret

Each pair of clients agrees on a mask that one adds and the other subtracts, so that all masks
cancel in the sum; each adds one more of its own. Who drops out leaves masks behind, so every client deals
Shamir shares of its key and of its own mask's seed to the others. Of one client the others give
either the shares of the key (it dropped out) or those of the seed (its vector arrived), never both.

`secure_sum` plays all parts in one process, to show and test the protocol. Between machines it holds against a
server that follows the protocol and is curious, joined by fewer than `threshold` clients; it needs the public
keys to be the true ones, shares sent encrypted between clients, and new keys every round. A sum may still
tell about one client; noise is another matter. X25519 comes from `cryptography` (extra "trust").
"""

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch

from kit import check
from kit.privacy.encryption import primitives
from kit.shapes import Tensor

#: A Mersenne prime, large enough for the secrets of 32 bytes that are shared.
PRIME = 2**521 - 1


def split_secret(secret: int, *, shares: int, threshold: int) -> dict[int, int]:
    """Shamir's shares {1: ..., shares: ...}: any `threshold` give it back, fewer tell nothing.

    The values at 1 ... shares of a random polynomial of degree threshold - 1 with the secret at 0.
    Raises: ValueError for a secret not in [0, 2^521 - 1) or a threshold not in 1 ... shares.
    Source: Shamir 1979. Lesson: 19
    """
    check.integer("secret", secret, 0, PRIME - 1)
    check.integer("threshold", threshold, 1, shares)
    factors = [secret, *(secrets.randbelow(PRIME) for _ in range(threshold - 1))]
    return {x: sum(c * pow(x, i, PRIME) for i, c in enumerate(factors)) % PRIME for x in range(1, shares + 1)}


def join_secret(shares: Mapping[int, int]) -> int:
    """The secret behind shares {x: value}: Lagrange's polynomial at 0.

    With fewer shares than the threshold the result is a number without meaning.
    Raises: ValueError for no shares. Source: Shamir 1979. Lesson: 19
    """
    check.nonempty("shares", shares)
    total = 0
    for x, value in shares.items():
        for other in shares:
            if other != x:
                value = value * other * pow(other - x, -1, PRIME) % PRIME
        total += value
    return total % PRIME


def secure_sum(
    vectors: Sequence[Tensor], *, dropped: Collection[int] = (), threshold: int | None = None, bits: int = 32
) -> Tensor:
    """A round of secure aggregation: the sum mod 2^bits of those not `dropped`.

    dropped: positions in `vectors` of clients that vanish after the shares were dealt.
    threshold: clients needed to finish; None for the smallest safe one, more than half.

    Shapes: vectors (D,) of whole numbers each -> (D,) in [0, 2^bits).
    Raises: ValueError where fewer than `threshold` are left, for a threshold of half or less (two groups could
    then unmask the same client), an unknown position, or unequal lengths.
    Source: Bonawitz et al. 2017, figure 4. Lesson: 19
    """
    n, low = len(vectors), 2**bits - 1
    threshold = n // 2 + 1 if threshold is None else threshold
    check.integer("threshold", threshold, n // 2 + 1, n)
    check.integer("bits", bits, 2, 62)
    check.same_length(**{f"vectors[{i}]": vector for i, vector in enumerate(vectors)})
    for i in dropped:
        check.integer("dropped", i, 0, n - 1)
    arrived, length = [i for i in range(n) if i not in dropped], len(vectors[0])
    if len(arrived) < threshold:
        raise ValueError(f"clients left={len(arrived)}, threshold={threshold} are needed; start a new round")
    # Every client: a key, a seed, shares of both for the others, and its masked vector.
    keys = [primitives().x25519.X25519PrivateKey.generate() for _ in range(n)]
    public, seeds = [key.public_key() for key in keys], [secrets.token_bytes(32) for _ in range(n)]
    split = lambda raw: split_secret(int.from_bytes(raw), shares=n, threshold=threshold)  # noqa: E731
    key_shares, seed_shares = (
        [split(key.private_bytes_raw()) for key in keys],
        [split(seed) for seed in seeds],
    )
    masked = {
        i: (vectors[i].long() + _stream(seeds[i], length) + _pair_masks(i, keys[i], public, range(n), length))
        & low
        for i in arrived
    }
    # The server: it knows `masked`, `public` and, of each client, `threshold` shares of one kind.
    total = sum(masked.values())
    for i in range(n):
        dealt = (seed_shares if i in masked else key_shares)[i]
        secret = join_secret({x + 1: dealt[x + 1] for x in arrived[:threshold]}).to_bytes(66)[-32:]
        if i in masked:
            total = total - _stream(secret, length)
        else:  # the masks it shared with those that arrived stand in the sum with the other sign
            key = primitives().x25519.X25519PrivateKey.from_private_bytes(secret)
            total = total + _pair_masks(i, key, public, arrived, length)
    return total & low


def to_fixed_point(x: Tensor, *, clients: int, fraction_bits: int = 16, bits: int = 32) -> Tensor:
    """Real numbers as whole ones, x 2^fraction_bits rounded, mod 2^bits.

    Raises: ValueError where the sum of `clients` such numbers might not fit. Lesson: 19
    """
    check.integer("clients", clients, 1)
    check.finite("x", x)
    largest, limit = float(x.abs().max()), 2 ** (bits - 1 - fraction_bits) / clients - 2.0**-fraction_bits
    if largest >= limit:
        raise ValueError(
            f"x reaches {largest:.4g}, a sum of {clients} clients fits below {limit:.4g}; clip x"
        )
    return (x.double() * 2**fraction_bits).round().long() & (2**bits - 1)


def from_fixed_point(total: Tensor, *, fraction_bits: int = 16, bits: int = 32) -> Tensor:
    """Undo `to_fixed_point` on a sum: the upper half are negative numbers; float64. Lesson: 19"""
    return torch.where(total >= 2 ** (bits - 1), total - 2**bits, total).double() / 2**fraction_bits


def _pair_masks(i: int, key, public: Sequence, others: Collection[int], length: int) -> Tensor:
    """Sum of the masks with others: added towards higher numbers, subtracted towards lower."""
    masks = (_stream(key.exchange(public[j]), length) * (1 if j > i else -1) for j in others if j != i)
    return sum(masks, torch.zeros(length, dtype=torch.long))


def _stream(seed: bytes, length: int) -> Tensor:
    """Pseudo-random 64-bit numbers from a seed: SHAKE-256, which both ends compute alike."""
    data = hashlib.shake_256(b"kit secure sum" + seed).digest(8 * length)
    return torch.from_numpy(np.frombuffer(data, "<i8").copy())
