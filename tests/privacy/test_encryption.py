"""Envelopes open for the right key alone, and tell nothing when they do not."""

import builtins

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from kit import privacy

own_checks = pytest.mark.skipif("config.getoption('--shapes')", reason="the type checker speaks first")

DATA = b"patient 17: 120/80, sinus rhythm"
RSA = privacy.new_private_key("rsa")
X25519 = privacy.new_private_key()
REFUSED = "envelope cannot be decrypted; check key and context, or get an unchanged copy"


@pytest.mark.parametrize("key", [RSA, X25519])
@pytest.mark.parametrize("data", [b"", DATA, bytes(100_000)])
def test_what_was_encrypted_is_decrypted(key, data):
    envelope = privacy.encrypt(data, key.public_key(), context=b"study 3")
    assert privacy.decrypt(envelope, key, context=b"study 3") == data


def test_keys_from_pem_files_work():
    options = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key = serialization.load_pem_private_key(X25519.private_bytes(*options), None)
    assert privacy.decrypt(privacy.encrypt(DATA, X25519.public_key()), key) == DATA


def test_the_same_data_look_different_each_time_and_are_nowhere_in_the_envelope():
    first, second = (privacy.encrypt(DATA, X25519.public_key()) for _ in range(2))
    assert first[17:] != second[17:]
    assert all(DATA[i : i + 6] not in first for i in range(len(DATA) - 6))


@pytest.mark.parametrize("key", [RSA, X25519])
def test_every_changed_byte_is_noticed_and_all_failures_look_alike(key):
    envelope = privacy.encrypt(DATA, key.public_key())
    stride = 1 if key is X25519 else 13  # RSA is slow
    for i in range(0, len(envelope), stride):
        changed = envelope[:i] + bytes([envelope[i] ^ 1]) + envelope[i + 1 :]
        with pytest.raises(privacy.DecryptionError) as error:
            privacy.decrypt(changed, key)
        assert str(error.value) == REFUSED
        assert error.value.__cause__ is None  # the reason inside is suppressed


@pytest.mark.parametrize("length", [0, 5, 14, 16, 17, 40, 90, -1])
def test_a_cut_envelope_is_refused(length):
    envelope = privacy.encrypt(DATA, X25519.public_key())
    with pytest.raises(privacy.DecryptionError):
        privacy.decrypt(envelope[:length], X25519)


@pytest.mark.parametrize("key", [RSA, X25519])
@pytest.mark.parametrize("wrong", [privacy.new_private_key(), RSA, X25519])
def test_a_wrong_key_is_refused(key, wrong):
    if wrong is not key:
        with pytest.raises(privacy.DecryptionError) as error:
            privacy.decrypt(privacy.encrypt(DATA, key.public_key()), wrong)
        assert str(error.value) == REFUSED


def test_another_context_is_refused():
    envelope = privacy.encrypt(DATA, X25519.public_key(), context=b"study 3")
    with pytest.raises(privacy.DecryptionError):
        privacy.decrypt(envelope, X25519, context=b"study 4")


def test_no_two_envelopes_share_data_key_nonce_or_wrapping():
    envelopes = [privacy.encrypt(bytes(64), X25519.public_key()) for _ in range(50)]
    head = len(envelopes[0]) - 64 - 28
    for part in (slice(17, head), slice(head, head + 12), slice(head + 12, None)):
        assert len({envelope[part] for envelope in envelopes}) == 50


def test_rotation_changes_the_key_and_not_the_data():
    newer = privacy.new_private_key()
    old = privacy.encrypt(DATA, RSA.public_key(), context=b"c")
    new = privacy.rewrap(old, RSA, newer.public_key())
    assert privacy.decrypt(new, newer, context=b"c") == DATA
    assert new[-len(DATA) - 28 :] == old[-len(DATA) - 28 :]  # nonce, ciphertext, tag
    with pytest.raises(privacy.DecryptionError):
        privacy.decrypt(new, RSA, context=b"c")
    with pytest.raises(privacy.DecryptionError):
        privacy.rewrap(old, newer, RSA.public_key())


@own_checks
@pytest.mark.parametrize(
    "call, kind, message",
    [
        (
            lambda: privacy.encrypt("text", X25519.public_key()),
            TypeError,
            "data is of type str, bytes are needed; encode it first",
        ),
        (
            lambda: privacy.encrypt(DATA, X25519.public_key(), context="c"),
            TypeError,
            "context is of type str, bytes are needed; encode it first",
        ),
        (
            lambda: privacy.encrypt(DATA, ed25519.Ed25519PrivateKey.generate().public_key()),
            TypeError,
            "public_key=Ed25519PublicKey is of no use; give an RSA or X25519 one",
        ),
        (
            lambda: privacy.decrypt(privacy.encrypt(DATA, X25519.public_key()), b"key"),
            TypeError,
            "private_key=bytes is of no use; give an RSA or X25519 one",
        ),
        (
            lambda: privacy.decrypt("envelope", X25519),
            TypeError,
            "envelope is of type str, bytes are needed; encode it first",
        ),
        (
            lambda: privacy.decrypt(privacy.encrypt(DATA, X25519.public_key()), X25519, context="c"),
            TypeError,
            "context is of type str, bytes are needed; encode it first",
        ),
        (
            lambda: privacy.rewrap(None, X25519, X25519.public_key()),
            TypeError,
            "envelope is of type NoneType, bytes are needed; encode it first",
        ),
        (
            lambda: privacy.encrypt(DATA, rsa.generate_private_key(65537, 1024).public_key()),
            ValueError,
            "public_key has 1024 bits, under 2048; make a longer one",
        ),
        (
            lambda: privacy.new_private_key("dsa"),
            ValueError,
            "kind='dsa' is not known; did you mean 'rsa'? choose from x25519, rsa",
        ),
    ],
)
def test_bad_input(call, kind, message):
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == message


def test_without_cryptography_the_extra_is_named(monkeypatch):
    original = builtins.__import__

    def missing(name, *arguments, **options):
        if name.startswith("cryptography"):
            raise ModuleNotFoundError("No module named 'cryptography'")
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ModuleNotFoundError) as error:
        privacy.new_private_key()
    assert str(error.value) == "No module named 'cryptography'; pip install 'large-model-kit[trust]'"
