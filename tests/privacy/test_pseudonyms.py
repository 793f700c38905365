"""What is found in a text, what is not, and pseudonyms that need their key."""

import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import privacy

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")

#: Examples of GB 11643-1999, of the card schemes' test numbers, and of documentation ranges.
FOUND = [
    ("email", "john.doe+x@mail.example.co.uk"),
    ("phone", "13812345678"),
    ("phone", "+86 138 1234 5678"),
    ("phone", "+49 30 1234567"),
    ("phone", "(415) 555-2671"),
    ("phone", "010-62345678"),
    ("phone", "(010) 6234 5678"),
    ("phone", "008613812345678"),
    ("phone", "+1 415 555 2671"),
    ("id_number", "110105 19491231 002X"),
    ("card", "6222 0212 3456 7890 128"),
    ("card", "3782 822463 10005"),
    ("ip", "::ffff:192.168.0.1"),
    ("id_number", "11010519491231002X"),
    ("id_number", "440524188001010014"),
    ("card", "4111 1111 1111 1111"),
    ("card", "5555-5555-5555-4444"),
    ("card", "378282246310005"),
    ("ip", "192.168.0.1"),
    ("ip", "2001:db8::8a2e:370:7334"),
]


@pytest.mark.parametrize("kind, value", FOUND)
@pytest.mark.parametrize("frame", ["{}", "see {}, please.", "号码{}。", "({})"])
def test_what_has_a_form_is_found(kind, value, frame):
    text = frame.format(value)
    found = privacy.find_pii(text)
    assert [(item.kind, item.text) for item in found] == [(kind, value)]
    assert text[found[0].start : found[0].end] == value
    assert privacy.mask_pii(text) == frame.format(f"[{kind.upper()}]")


@pytest.mark.parametrize(
    "text",
    [
        "11010519491231002Y 110105194912310021",  # wrong check digit
        "4111 1111 1111 1112",  # wrong Luhn digit
        "0000 0000 0000 0000",
        "300.1.2.3 and 1.2.3",  # no address
        "at 12:30:45 on 2024-05-17",
        "pi = 3.14159265358979, n = 60,000",
        "a::b",
        "profit +100, +2.5 %, +20 30, +1 000 km",  # signs, no country codes
        "ISBN 978-3-16-148410-0, rate 0.13812345678, 3.4111111111111111",
        "550e8400-e29b-41d4-a716-446655440000",
        "std::vector, 10:30, v1.2.3, 1:100000",
        "user@localhost",
        "",
    ],
)
def test_what_has_not_stays(text):
    assert privacy.mask_pii(text) == text


@pytest.mark.parametrize(
    "text, masked",
    [
        ("4111 1111 1111 1111 12/27", "[CARD] 12/27"),  # with the month it expires
        ("4111 1111 1111 1111 123", "[CARD] 123"),  # with its check code
        ("ID110105194912310021X is not 11010519491231002X", "ID110105194912310021X is not [ID_NUMBER]"),
        ("SFZ11010519491231002X", "SFZ[ID_NUMBER]"),
        ("addr:10.0.0.1, [2001:db8::1]:443", "addr:[IP], [[IP]]:443"),
        ("mailto:a.b@c.org?x", "mailto:[EMAIL]?x"),
    ],
)
def test_neighbours_do_not_hide_it(text, masked):
    assert privacy.mask_pii(text) == masked


def test_several_at_once_and_only_some_kinds():
    text = "Call 13812345678 or write to a@b.org from 10.0.0.1"
    assert privacy.mask_pii(text) == "Call [PHONE] or write to [EMAIL] from [IP]"
    assert privacy.mask_pii(text, kinds=["ip"]) == "Call 13812345678 or write to a@b.org from [IP]"


def test_masks_may_keep_who_is_who():
    pseudonym = privacy.Pseudonymizer(b"k" * 32)
    masked = privacy.mask_pii("a@b.org met c@d.org and a@b.org", replace=lambda item: pseudonym(item.text))
    first, _, second, _, third = masked.split()
    assert first == third != second


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_any_text_is_read(text):
    for item in privacy.find_pii(text):
        assert text[item.start : item.end] == item.text


def test_pseudonyms_are_hmac_and_depend_on_key_and_context():
    key = bytes(range(32))
    pseudonym = privacy.Pseudonymizer(key, context="study")
    inner = hmac.digest(key, b"kit pseudonym\0study", "sha256")
    tag = hmac.digest(inner, "Ada 李".encode(), "sha256")[:16]
    import base64

    assert pseudonym("Ada 李") == base64.b32encode(tag).decode().rstrip("=").lower()
    assert len(pseudonym("Ada 李")) == 26
    others = [privacy.Pseudonymizer(key), privacy.Pseudonymizer(privacy.new_key(), context="study")]
    assert len({p("Ada 李") for p in [pseudonym, *others]}) == 3


def test_distinct_names_get_distinct_pseudonyms_and_the_key_is_not_shown():
    pseudonym = privacy.Pseudonymizer(b"secret secret 16")
    assert len({pseudonym(str(i)) for i in range(5000)}) == 5000
    assert repr(pseudonym) == "Pseudonymizer(key hidden)"


@own_checks
@pytest.mark.parametrize(
    "call, kind, message",
    [
        (
            lambda: privacy.find_pii(5),
            TypeError,
            "text is of type int, a str is needed; decode or convert it",
        ),
        (
            lambda: privacy.find_pii("", kinds=["mail"]),
            ValueError,
            "kind='mail' is not known; did you mean 'email'? choose from email, ip, id_number, card, phone",
        ),
        (
            lambda: privacy.Pseudonymizer("abc"),
            TypeError,
            "key is of type str, bytes are needed; use new_key()",
        ),
        (
            lambda: privacy.Pseudonymizer(b"abc"),
            ValueError,
            "key has 3 bytes, 16 or more are needed; use new_key()",
        ),
        (  # the value itself is personal: it is not shown
            lambda: privacy.Pseudonymizer(b"k" * 16)(13800004711),
            TypeError,
            "value is of type int, a str is needed; decode or convert it",
        ),
        (
            lambda: privacy.Pseudonymizer(b"k" * 16, context=b"study"),
            TypeError,
            "context is of type bytes, a str is needed; decode or convert it",
        ),
    ],
)
def test_bad_input(call, kind, message):
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == message
