"""Blocks of a text: targets are the next tokens, draws are fair, an epoch can be resumed."""

import pytest
import torch

from kit.data import TokenBlocks, in_order

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")
TEXT = torch.arange(100)


@pytest.mark.parametrize(("length", "block", "count"), [(100, 9, 11), (10, 9, 1), (19, 9, 2), (18, 9, 1)])
def test_in_order_covers_the_text_once(length, block, count):
    x, y = in_order(TEXT[:length], block)
    assert x.shape == y.shape == (count, block)
    assert torch.equal(x.flatten(), TEXT[: count * block])
    assert torch.equal(y, x + 1)


def test_blocks_are_pieces_of_the_text_and_every_place_is_drawn():
    blocks = TokenBlocks(TEXT.to(torch.int16), 5, batch_size=4, steps=300)
    assert len(blocks) == 300
    starts = set()
    for x, y in blocks:
        assert x.shape == (4, 5) and x.dtype == torch.long
        assert torch.equal(y, x + 1)
        assert torch.equal(x, x[:, :1] + torch.arange(5))
        starts |= set(x[:, 0].tolist())
    assert starts == set(range(95))


def test_an_epoch_without_steps_covers_the_text_once_on_average():
    assert len(TokenBlocks(TEXT, 5, batch_size=4)) == 5


def test_epochs_differ_and_the_seed_decides():
    def draw(seed):
        blocks = TokenBlocks(TEXT, 5, batch_size=2, steps=3, generator=torch.Generator().manual_seed(seed))
        return [torch.stack([x for x, _ in blocks]) for _ in range(2)]

    first, second = draw(1)
    assert not torch.equal(first, second)
    assert torch.equal(first, draw(1)[0]) and torch.equal(second, draw(1)[1])
    assert not torch.equal(first, draw(2)[0])


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_an_epoch_goes_on_where_it_stopped(done):
    blocks = TokenBlocks(TEXT, 5, batch_size=2, steps=3)
    list(blocks)  # an epoch before
    rows, state = [], None
    for i, (x, _) in enumerate(blocks):
        if i == done:
            break
        rows.append(x)
        state = blocks.state_dict()
    state = state or {"generator": blocks.state_dict()["generator"], "done": 0}
    whole = TokenBlocks(TEXT, 5, batch_size=2, steps=3)
    list(whole)
    expected = [x for x, _ in whole]
    other = TokenBlocks(TEXT, 5, batch_size=2, steps=3)
    other.load_state_dict(state)
    rest = [x for x, _ in other] if done < 3 else []
    assert torch.equal(torch.stack(rows + rest), torch.stack(expected))


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: TokenBlocks(TEXT[:5], 5, batch_size=1),
            ValueError,
            "tokens has 5 ids, block=5 needs at least 6; give a longer text or a shorter block",
        ),
        (lambda: in_order(TEXT, 0), ValueError, "block=0 is out of range; give an int >= 1"),
        (
            lambda: in_order(TEXT.float(), 3),
            TypeError,
            "tokens has dtype torch.float32, whole numbers are needed; use tokens.long()",
        ),
        (
            lambda: TokenBlocks(TEXT, 5, batch_size=0),
            ValueError,
            "batch_size=0 is out of range; give an int >= 1",
        ),
    ],
)
@own_checks
def test_bad_input(call, kind, message):
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == message
