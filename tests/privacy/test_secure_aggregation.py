"""Secure aggregation: the right sum, with and without drop-outs, and nothing but the sum."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import privacy
from kit.privacy import secure_aggregation as module


@given(st.integers(0, 2**256 - 1), st.integers(1, 6), st.data())
@settings(max_examples=40, deadline=None)
def test_any_threshold_of_shares_gives_the_secret_back(secret, threshold, draw):
    shares = privacy.split_secret(secret, shares=6, threshold=threshold)
    chosen = draw.draw(st.permutations(range(1, 7)))[:threshold]
    assert privacy.join_secret({x: shares[x] for x in chosen}) == secret


def test_fewer_shares_fit_any_secret():
    """With one share missing, every secret is explained by some value of the missing one."""
    shares = privacy.split_secret(7, shares=3, threshold=3)
    two = {x: shares[x] for x in (1, 2)}
    assert privacy.join_secret(two) != 7
    p = module.PRIME
    for other in (0, 123456789):
        # Lagrange at 0 over points 1, 2, 3 has weights 3, -3, 1.
        third = (other - 3 * two[1] + 3 * two[2]) % p
        assert privacy.join_secret(two | {3: third}) == other


@pytest.mark.parametrize("bits", [8, 32, 62])
@pytest.mark.parametrize("dropped", [(), (0,), (3,), (1, 4)])
def test_the_sum_is_right_modulo_2_to_the_bits(bits, dropped):
    g = torch.Generator().manual_seed(bits)
    vectors = [torch.randint(2**bits, (7,), generator=g) for _ in range(5)]
    expected = [sum(int(v[j]) for i, v in enumerate(vectors) if i not in dropped) % 2**bits for j in range(7)]
    assert privacy.secure_sum(vectors, dropped=dropped, bits=bits).tolist() == expected


def test_negative_numbers_and_any_drop_out_of_a_minority():
    vectors = [torch.tensor([-1, i]) for i in range(4)]
    for gone in itertools.chain([()], ((i,) for i in range(4))):
        total = privacy.secure_sum(vectors, dropped=gone)
        left = [i for i in range(4) if i not in gone]
        assert total.tolist() == [2**32 - len(left), sum(left)]


def test_a_client_is_dropped_by_whatever_lists_it():
    vectors = [np.array([1, 2])] * 3
    assert privacy.secure_sum(vectors, dropped=(i for i in [0])).tolist() == [2, 4]


def test_real_numbers_are_summed_to_the_fixed_point():
    vectors = [torch.randn(50, generator=torch.Generator().manual_seed(i)) for i in range(6)]
    total = privacy.secure_sum(vectors, dropped=[2])
    expected = sum(v.double() for i, v in enumerate(vectors) if i != 2)
    assert (total - expected).abs().max() <= 5 * 0.5 / 2**16


def test_what_the_server_sees_of_one_client_looks_random(monkeypatch):
    """The masked vectors of a client that sends only zeros are uniform."""
    seen = []
    original = module._pair_masks

    def spy(*arguments):
        result = original(*arguments)
        seen.append(result)
        return result

    monkeypatch.setattr(module, "_pair_masks", spy)
    privacy.secure_sum([torch.zeros(4000, dtype=torch.long)] * 3, bits=4)
    for mask in seen:
        counts = torch.bincount(mask % 16, minlength=16).double()
        assert ((counts - 250) ** 2 / 250).sum() < 45  # chi-squared with 15 degrees, p = 1e-4
    assert len({tuple(m[:8].tolist()) for m in seen}) == 3
    assert sum(seen).abs().max() == 0  # and the pair masks cancel


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: privacy.secure_sum([torch.zeros(2).long()] * 5, dropped=[0, 1, 2]),
            "clients left=2 is out of range; give an int >= 3",
        ),
        (
            lambda: privacy.secure_sum([torch.zeros(2).long()] * 4, threshold=2),
            "threshold=2 is out of range; give an int >= 3 and <= 4",
        ),
        (
            lambda: privacy.secure_sum([torch.zeros(2).long()] * 3, dropped=[3]),
            "dropped=3 is out of range; give an int >= 0 and <= 2",
        ),
        (
            lambda: privacy.secure_sum([torch.zeros(2), torch.zeros(3)]),
            "len(vectors[0])=2, len(vectors[1])=3 differ; give one entry of each per sample",
        ),
        (
            lambda: privacy.secure_sum([torch.full((2,), 2.0**15)] * 2),
            "largest |value|=32768.0 is out of range; give a float < 16383.999984741211",
        ),
        (
            lambda: privacy.secure_sum([torch.zeros(2), torch.tensor([0.0, float("nan")])]),
            "vectors[1] holds 1 NaN or infinite values of 2; remove or replace them",
        ),
        (
            lambda: privacy.secure_sum([torch.zeros(2, 2).long()] * 3),
            "vectors[0] has shape (2, 2), 1 dimension is needed; reshape it",
        ),
        (
            lambda: privacy.secure_sum([torch.zeros(2).long()]),
            "clients=1 is out of range; give an int >= 2",
        ),
        (lambda: privacy.secure_sum([]), "clients=0 is out of range; give an int >= 2"),
        (
            lambda: privacy.split_secret(-1, shares=3, threshold=2),
            f"secret=-1 is out of range; give an int >= 0 and <= {2**521 - 2}",
        ),
        (
            lambda: privacy.split_secret(1, shares=3, threshold=4),
            "threshold=4 is out of range; give an int >= 1 and <= 3",
        ),
        (lambda: privacy.join_secret({}), "shares is empty; give at least one item"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message


def test_real_vectors_beside_whole_ones_are_refused():
    with pytest.raises(TypeError) as error:
        privacy.secure_sum([torch.zeros(2).long(), torch.full((2,), 0.5)])
    message = "vectors[1] has dtype torch.float32, whole numbers are needed; use vectors[1].long()"
    assert str(error.value) == message
