"""Envelope encryption: data under a fresh key, that key under yours.

new_private_key  encrypt  decrypt  rewrap  DecryptionError

    key = new_private_key()
    envelope = encrypt(data, key.public_key(), context=b"patients 2024")
    data = decrypt(envelope, key, context=b"patients 2024")
    envelope = rewrap(envelope, key, newer.public_key())      # rotation: the data are not touched

Data are encrypted once with AES-256-GCM under a random key; only that key is wrapped for the
receiver, by RSA-OAEP or X25519. Keys are those of the package `cryptography`, so any PEM file it
reads works. Nobody learns more than the length of the data without the private key, and any
change is noticed; but an envelope does not say who made it (anyone has the public key), and a
receiver of the old key who kept the data key can still read after a rotation.

An envelope is bytes: "kit envelope 1", a letter for the wrapping (R or X), two bytes for the length of the
wrapped key, the wrapped key, 12 bytes of nonce, the ciphertext with its tag of 16 bytes.
"""

import os
from types import SimpleNamespace

from kit import check

_MAGIC = b"kit envelope 1"


class DecryptionError(ValueError):
    """Wrong key, wrong context, or a changed envelope: it is not said which. Lesson: 19"""

    def __init__(self):
        super().__init__("envelope cannot be decrypted; check key and context, or get an unchanged copy")


def new_private_key(kind: str = "x25519"):
    """A new private key, "x25519" or "rsa" (3072 bits); its `public_key()` encrypts.

    Raises: ValueError for another kind, ModuleNotFoundError without `cryptography`. Lesson: 19
    """
    check.one_of("kind", kind, ("x25519", "rsa"))
    c = primitives()
    return (
        c.x25519.X25519PrivateKey.generate() if kind == "x25519" else c.rsa.generate_private_key(65537, 3072)
    )


def encrypt(data: bytes, public_key, *, context: bytes = b"") -> bytes:
    """Encrypt `data` (at most 2^31 - 1 bytes) for the owner of `public_key`.

    context: what the data are and for what; not secret, not stored, and needed again to decrypt.

    Raises: TypeError for data or context that are not bytes or another kind of key, ValueError for an RSA key
    under 2048 bits. Source: NIST SP 800-38D (GCM); RFC 8017 (OAEP); RFC 7748, RFC 5869 (X25519, HKDF).
    Lesson: 19
    """
    _check_bytes(data=data, context=context)
    aead = primitives().AESGCM
    data_key, nonce = aead.generate_key(256), os.urandom(12)
    return _wrap(data_key, public_key) + nonce + aead(data_key).encrypt(nonce, data, _MAGIC + context)


def decrypt(envelope: bytes, private_key, *, context: bytes = b"") -> bytes:
    """The data, if key, context and every byte are right; else DecryptionError.

    All failures look alike and nothing of the data is returned with them. Raises: DecryptionError;
    TypeError for something that is no private key, or not bytes. Lesson: 19
    """
    _check_bytes(envelope=envelope, context=context)
    c = primitives()
    data_key, sealed = _unwrap(envelope, private_key)
    try:
        return c.AESGCM(data_key).decrypt(sealed[:12], sealed[12:], _MAGIC + context)
    except (c.InvalidTag, ValueError):
        raise DecryptionError from None


def rewrap(envelope: bytes, private_key, public_key) -> bytes:
    """The same data for another key (rotation): only the data key is wrapped anew.

    Whoever held the old key may have kept the data key: against him encrypt again.
    Raises: as `decrypt` and `encrypt`. Lesson: 19
    """
    _check_bytes(envelope=envelope)
    data_key, sealed = _unwrap(envelope, private_key)
    return _wrap(data_key, public_key) + sealed


def _check_bytes(**values) -> None:
    for name, value in values.items():
        if not isinstance(value, bytes):
            raise TypeError(f"{name} is of type {type(value).__name__}, bytes are needed; encode it first")


def primitives() -> SimpleNamespace:
    """What is used of `cryptography`, or an error that says how to install it. Lesson: 19"""
    try:
        from cryptography.exceptions import InvalidTag  # noqa: F401
        from cryptography.hazmat.primitives.asymmetric import padding, rsa, x25519  # noqa: F401
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: F401
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}; pip install 'large-model-kit[trust]'") from None
    return SimpleNamespace(**locals(), oaep=padding.OAEP(padding.MGF1(SHA256()), SHA256(), _MAGIC))


def _wrap(data_key: bytes, public_key) -> bytes:
    """The head of an envelope: all before the nonce."""
    c = primitives()
    if isinstance(public_key, c.rsa.RSAPublicKey):
        if public_key.key_size < 2048:
            raise ValueError(f"public_key has {public_key.key_size} bits, under 2048; make a longer one")
        kind, wrapped = b"R", public_key.encrypt(data_key, c.oaep)
    elif isinstance(public_key, c.x25519.X25519PublicKey):
        once = c.x25519.X25519PrivateKey.generate()
        own = once.public_key().public_bytes_raw()
        key = _agreed(c, once.exchange(public_key), own + public_key.public_bytes_raw())
        sealed = c.AESGCM(key).encrypt(
            bytes(12), data_key, None
        )  # the key is used once, so any nonce will do
        kind, wrapped = b"X", own + sealed
    else:
        raise TypeError(f"public_key={type(public_key).__name__} is of no use; give an RSA or X25519 one")
    return _MAGIC + kind + len(wrapped).to_bytes(2) + wrapped


def _unwrap(envelope: bytes, private_key) -> tuple[bytes, bytes]:
    """The data key, and all after the head."""
    c, start = primitives(), len(_MAGIC) + 3
    kinds = {b"R": c.rsa.RSAPrivateKey, b"X": c.x25519.X25519PrivateKey}
    if not isinstance(private_key, tuple(kinds.values())):
        raise TypeError(f"private_key={type(private_key).__name__} is of no use; give an RSA or X25519 one")
    kind, length = envelope[start - 3 : start - 2], int.from_bytes(envelope[start - 2 : start])
    wrapped, sealed = envelope[start : start + length], envelope[start + length :]
    if not envelope.startswith(_MAGIC) or not isinstance(private_key, kinds.get(kind, ())):
        raise DecryptionError
    try:
        if kind == b"R":
            return private_key.decrypt(wrapped, c.oaep), sealed
        shared = private_key.exchange(c.x25519.X25519PublicKey.from_public_bytes(wrapped[:32]))
        key = _agreed(c, shared, wrapped[:32] + private_key.public_key().public_bytes_raw())
        return c.AESGCM(key).decrypt(bytes(12), wrapped[32:], None), sealed
    except (c.InvalidTag, ValueError):
        raise DecryptionError from None


def _agreed(c: SimpleNamespace, shared: bytes, parties: bytes) -> bytes:
    return c.HKDF(c.SHA256(), 32, None, _MAGIC + parties).derive(shared)
