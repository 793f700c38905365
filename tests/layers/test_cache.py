"""The key-value cache returns what was put in, in order, and refuses what does not fit."""

import pytest
import torch

from kit import layers

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")


def test_tokens_come_back_in_order_for_each_layer():
    cache = layers.KeyValueCache(2, 6)
    keys = torch.randn(2, 3, 2, 6, 4)  # layer, B, H, T, D
    values = torch.randn(2, 3, 2, 6, 5)
    assert cache.bytes == 0
    for start, stop in ((0, 3), (3, 4), (4, 6)):
        for layer in range(2):
            assert cache.length == start
            k, v = cache.update(layer, keys[layer, :, :, start:stop], values[layer, :, :, start:stop])
            assert torch.equal(k, keys[layer, :, :, :stop])
            assert torch.equal(v, values[layer, :, :, :stop])
    assert cache.length == 6
    assert cache.bytes == 4 * 2 * (3 * 2 * 6 * 4 + 3 * 2 * 6 * 5)
    assert repr(cache) == "KeyValueCache(2 layers, 6 of 6 tokens)"


def test_reorder_picks_rows_of_the_batch():
    cache = layers.KeyValueCache(1, 2)
    k = torch.arange(3.0).view(3, 1, 1, 1)
    cache.update(0, k, -k)
    cache.reorder(torch.tensor([2, 2, 0]))
    k, v = cache.update(0, k + 10, k + 20)
    assert k[:, 0, :, 0].tolist() == [[2, 10], [2, 11], [0, 12]]
    assert v[:, 0, :, 0].tolist() == [[-2, 20], [-2, 21], [0, 22]]


@own_checks
def test_errors():
    cache = layers.KeyValueCache(1, 2)
    with pytest.raises(ValueError) as error:
        cache.update(0, torch.zeros(1, 1, 3, 4), torch.zeros(1, 1, 3, 4))
    assert str(error.value) == (
        "3 tokens after 0 pass max_length=2; generate fewer tokens or make the cache longer"
    )
    cache.update(0, torch.zeros(1, 1, 1, 4), torch.zeros(1, 1, 1, 4))
    with pytest.raises(ValueError) as error:
        cache.update(0, torch.zeros(2, 1, 1, 4), torch.zeros(2, 1, 1, 4))
    assert str(error.value) == (
        "key has shape (2, 1, 1, 4), the cache holds (B, H, T, D) = (1, 1, 'T', 4); make a new cache"
    )
    with pytest.raises(ValueError) as error:
        layers.KeyValueCache(0, 2)
    assert str(error.value) == "num_layers=0 is out of range; give an int >= 1"
