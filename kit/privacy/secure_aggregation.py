"""Secure aggregation: the server learns the sum of the clients' vectors and no single one.

secure_sum  split_secret  join_secret

Each pair of clients agrees on a mask that one adds and the other subtracts, so that all masks
cancel in the sum; each adds one more of its own. Who drops out leaves masks behind, so every client deals
Shamir shares of its key and of its own mask's seed to the others. Of one client the others give
either the shares of the key (it dropped out) or those of the seed (its vector arrived), never both.

`secure_sum` plays all parts in one process, to show and test the protocol: whoever runs it sees all. Between
machines the protocol holds against a server that follows it and is curious, joined by fewer than `threshold`
clients; it needs the public keys to be the true ones, shares sent encrypted between clients, and new keys
every round. A sum may still tell about one client; noise is another matter. X25519 comes from `cryptography`
(extra "trust").
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence

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
        for other in shares.keys() - {x}:
            value = value * other * pow(other - x, -1, PRIME) % PRIME
        total += value
    return total % PRIME


def secure_sum(vectors: Sequence, *, dropped=(), threshold: int | None = None, bits: int = 32) -> Tensor:
    """A round of secure aggregation: the sum mod 2^bits of those not `dropped`.

    Real numbers travel as fixed-point ones, round(2^(bits/2) x), and come back as float64.
    dropped: positions in `vectors` of clients that vanish after the shares were dealt.
    threshold: clients needed to finish; None for the smallest safe one, more than half.

    Shapes: vectors (D,) each, tensors or arrays, -> (D,); of whole numbers in [0, 2^bits).
    Raises: ValueError where fewer than `threshold` are left, for a threshold of half or less (two groups
    could then unmask the same client), fewer than two clients, an unknown position, unequal lengths, or
    real numbers that are not finite or whose sum might not fit; TypeError for real beside whole ones.
    Source: Bonawitz et al. 2017, figure 4. Lesson: 19
    """
    n, modulus, dropped = len(vectors), 2**bits, list(dropped)
    check.integer("clients", n, 2)
    vectors = [torch.as_tensor(vector) for vector in vectors]
    threshold = n // 2 + 1 if threshold is None else threshold
    check.integer("threshold", threshold, n // 2 + 1, n)
    check.integer("bits", bits, 2, 62)
    kind = "float" if vectors[0].is_floating_point() else "integer"
    for i, vector in enumerate(vectors):
        check.tensor(f"vectors[{i}]", vector, ndim=1, kind=kind)
        check.finite(f"vectors[{i}]", vector)
    check.same_length(**{f"vectors[{i}]": vector for i, vector in enumerate(vectors)})
    for i in dropped:
        check.integer("dropped", i, 0, n - 1)
    arrived, length, unit = [i for i in range(n) if i not in dropped], len(vectors[0]), 2.0 ** (bits // 2)
    check.integer("clients left", len(arrived), threshold)
    if real := vectors[0].is_floating_point():
        largest = max(float(vector.abs().max()) if len(vector) else 0.0 for vector in vectors)
        check.number("largest |value|", largest, below=(modulus / 2 / n - 1) / unit)
        vectors = [(vector.double() * unit).round() for vector in vectors]
    # Every client: a key, a seed, shares of both for the others, and its masked vector.
    keys = [primitives().x25519.X25519PrivateKey.generate() for _ in range(n)]
    public, seeds = [key.public_key() for key in keys], [secrets.token_bytes(32) for _ in range(n)]
    secret = [(key.private_bytes_raw(), seed) for key, seed in zip(keys, seeds)]
    split = {"shares": n, "threshold": threshold}
    dealt = [[split_secret(int.from_bytes(raw), **split) for raw in pair] for pair in secret]
    masks = [_stream(seeds[i], length) + _pair_masks(i, keys[i], public, range(n), length) for i in range(n)]
    masked = {i: (vectors[i].long() + masks[i]) % modulus for i in arrived}
    # The server: it knows `masked`, `public` and, of each client, `threshold` shares of one kind.
    total = sum(masked.values())
    for i in range(n):
        shares = dealt[i][i in masked]  # of its seed where its vector arrived, else of its key
        raw = join_secret({x + 1: shares[x + 1] for x in arrived[:threshold]}).to_bytes(66)[-32:]
        if i in masked:
            total = total - _stream(raw, length)
        else:  # the masks it shared with those that arrived stand in the sum with the other sign
            key = primitives().x25519.X25519PrivateKey.from_private_bytes(raw)
            total = total + _pair_masks(i, key, public, arrived, length)
    total = total % modulus
    return torch.where(total >= modulus // 2, total - modulus, total) / unit if real else total


def _pair_masks(i: int, key, public: Sequence, others: Iterable[int], length: int) -> Tensor:
    """Sum of the masks with others: added towards higher numbers, subtracted towards lower."""
    masks = (_stream(key.exchange(public[j]), length) * (1 if j > i else -1) for j in others if j != i)
    return sum(masks, torch.zeros(length, dtype=torch.long))


def _stream(seed: bytes, length: int) -> Tensor:
    """Pseudo-random 64-bit numbers from a seed: SHAKE-256, which both ends compute alike."""
    data = hashlib.shake_256(b"kit secure sum" + seed).digest(8 * length)
    return torch.from_numpy(np.frombuffer(data, "<i8").copy())
