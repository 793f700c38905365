"""Names out of texts and tables: masks for personal data, keyed pseudonyms.

find_pii  mask_pii  PII  Pseudonymizer  new_key

Masking finds what has a form (addresses, numbers with check digits), not what has none: names,
street addresses and what a text tells about somebody stay. It lowers the risk of an accident; it makes
nothing anonymous.
"""

import base64
import hmac
import ipaddress
import itertools
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kit import check

#: In the order in which they are looked for: a card number is not also a telephone number.
PATTERNS = {
    "email": (r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+",),
    "ip": (
        r"(?<![\w.:])(?:[\dA-Fa-f]*:){2,7}[\dA-Fa-f]*(?:(?:\.\d{1,3}){3})?(?![\w:])",
        r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\w)",
    ),
    "id_number": (r"(?<!\d)[1-9]\d{5}[ -]?\d{8}[ -]?\d{3}[\dXx](?!\d)",),
    # in fours with the rest of 19 digits, in fours, 4-6-5 and 4-6-4 (American Express, Diners), in one piece
    "card": (
        r"(?<!\d\.)(?<![\d+-])[1-9]\d{3}([ -]?)\d{4}\1\d{4}\1\d{4}\1\d{3}(?![\d-])",
        r"(?<!\d\.)(?<![\d+-])[1-9]\d{3}([ -])\d{4}\1\d{4}\1\d{4}(?![\d-])",
        r"(?<!\d\.)(?<![\d+-])[1-9]\d{3}([ -])\d{6}\1\d{4,5}(?![\d-])",
        r"(?<!\d\.)(?<![\d+-])[1-9]\d{12,17}(?![\d-])",
    ),
    "phone": (
        r"(?<!\d\.)(?<![\d+])(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![\d-])",  # Chinese mobile
        r"(?<![\d+])\+[1-9]\d{0,2}(?:[ .-]?(?:\d{1,4}|\(\d{1,4}\))){2,5}(?![\d-])",  # international
        r"(?<![\d+])(?:\([2-9]\d{2}\) ?\d{3}[ .-]|[2-9]\d{2}[ .-]\d{3}[.-])\d{4}(?![\d-])",  # North American
        r"(?<![\d+])(?:0[1-9]\d{1,2}[ -]|\(0[1-9]\d{1,2}\) ?)\d{3,4} ?\d{4}(?![\d-])",  # Chinese landline
    ),
}


@dataclass(frozen=True)
class PII:
    """Personal data found in a text: its kind, text[start:end]. Lesson: 19"""

    kind: str
    start: int
    end: int
    text: str


def find_pii(text: str, *, kinds: Sequence[str] = tuple(PATTERNS)) -> list[PII]:
    """E-mail, IP (4 and 6), Chinese ID, payment card and telephone numbers in `text`.

    An ID number counts only with a possible birth date and a right check digit (GB 11643-1999, ISO 7064 MOD
    11-2), a card number only with a right Luhn digit, an IP address only if it is one; so a random number
    rarely does. Digits and letters must be ASCII ones: convert full-width forms first
    (unicodedata.normalize("NFKC", text)).

    Raises: TypeError unless text is a str, ValueError for an unknown kind. Lesson: 19
    """
    _check_text("text", text)
    for kind in kinds:
        check.one_of("kind", kind, PATTERNS)
    found: list[PII] = []
    for kind in (kind for kind in PATTERNS if kind in kinds):
        places = (re.finditer(pattern, text, re.ASCII) for pattern in PATTERNS[kind])
        for match in itertools.chain.from_iterable(places):  # ASCII: no Chinese character in an address
            start, end = match.span()
            free = all(end <= other.start or other.end <= start for other in found)
            if free and _VALID.get(kind, bool)(match.group()):
                found.append(PII(kind, start, end, match.group()))
    return sorted(found, key=lambda item: item.start)


def _check_text(name: str, value) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} is of type {type(value).__name__}, a str is needed; decode or convert it")


def _label(item: PII) -> str:
    return f"[{item.kind.upper()}]"


def mask_pii(text: str, *, kinds=tuple(PATTERNS), replace: Callable[[PII], str] = _label) -> str:
    """`text` with what `find_pii` finds replaced, by "[EMAIL]" and the like.

    replace: function of a `PII`; give lambda item: pseudonym(item.text) to keep who is who.
    Raises: as `find_pii`. Lesson: 19
    """
    for item in reversed(find_pii(text, kinds=kinds)):
        text = text[: item.start] + replace(item) + text[item.end :]
    return text


def _is_id_number(text: str) -> bool:
    """Weights 2^(17-i) mod 11 over the first 17 digits; the last says 0-9 or X."""
    text = re.sub("[ -]", "", text)
    total = sum(int(digit) * pow(2, 17 - i, 11) for i, digit in enumerate(text[:17]))
    year, month, day = int(text[6:10]), int(text[10:12]), int(text[12:14])
    born = 1800 <= year < 2100 and 1 <= month <= 12 and 1 <= day <= 31
    return born and "10X98765432"[total % 11] == text[17].upper()


def _is_card(text: str) -> bool:
    """Luhn: double every second digit from the right, cast out nines, the sum ends in 0."""
    digits = [int(c) for c in reversed(text) if c.isdigit()]
    doubled = sum(digits[0::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[1::2])
    return doubled % 10 == 0 and len(set(digits)) > 1


def _is_ip(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text)) and any(c.isdigit() for c in text)
    except ValueError:
        return False


def _is_phone(text: str) -> bool:
    """E.164: up to 15 digits; under 8 it is a sum of money, a share, a score."""
    return 8 <= sum(c.isdigit() for c in text) <= 15


_VALID = {"id_number": _is_id_number, "card": _is_card, "ip": _is_ip, "phone": _is_phone}


def new_key() -> bytes:
    """32 random bytes from the operating system, for `Pseudonymizer`. Lesson: 19"""
    return secrets.token_bytes(32)


class Pseudonymizer:
    """Replace identifiers by keyed pseudonyms: the same name, the same 26 letters.

    HMAC-SHA256 under `key`, cut to 128 bits; `context` gives each project its own pseudonyms, so that two
    of them cannot be joined. Without the key nobody can compute or test a name (a plain hash of a
    telephone number is reversed by trying all of them).

    What it does not protect: whoever has the key can test every name, so keep it apart from the data and
    destroy it when the link is no longer needed; equal values stay equal, so frequencies, links between
    tables and all other columns still tell; by law (GDPR, recital 26) it is personal data.

    Raises: TypeError for a key that is not bytes, ValueError for one under 16 bytes.
    Source: Krawczyk, Bellare & Canetti 1997, RFC 2104. Lesson: 19
    """

    def __init__(self, key: bytes, *, context: str = ""):
        if not isinstance(key, bytes):
            raise TypeError(f"key is of type {type(key).__name__}, bytes are needed; use new_key()")
        if len(key) < 16:
            raise ValueError(f"key has {len(key)} bytes, 16 or more are needed; use new_key()")
        _check_text("context", context)
        self._key = hmac.digest(key, b"kit pseudonym\0" + context.encode(), "sha256")

    def __call__(self, value: str) -> str:
        """The pseudonym of one value; spaces, capitals and accents count, so clean the values first."""
        _check_text("value", value)
        tag = hmac.digest(self._key, value.encode(), "sha256")[:16]
        return base64.b32encode(tag).decode().rstrip("=").lower()

    def __repr__(self) -> str:
        return "Pseudonymizer(key hidden)"
