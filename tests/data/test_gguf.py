"""GGUF headers against the gguf package; damaged and truncated files give one clear error."""

import struct

import gguf as oracle
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit import data
from kit.data.dequantize import dequantize
from kit.data.gguf import TENSOR_TYPES, read_gguf


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def write(path, *, metadata=b"", pairs=0, tensors=((b"", 0),), weights=b"", version=3, magic=b"GGUF"):
    """The smallest GGUF writer: raw metadata, raw tensor entries, raw weights."""
    listing = b"".join(raw for raw, _ in tensors)
    count = sum(n for _, n in tensors)
    head = magic + struct.pack("<IQQ", version, count, pairs) + metadata + listing
    path.write_bytes(head + bytes(-len(head) % 32) + weights)
    return path


def tensor(name: str, shape: tuple, number: int = 0, offset: int = 0):
    dims = struct.pack(f"<{len(shape)}Q", *shape)
    return text(name) + struct.pack("<I", len(shape)) + dims + struct.pack("<IQ", number, offset), 1


@pytest.fixture
def real(tmp_path):
    """A small file written by the gguf package, every kind of metadata in it."""
    path = tmp_path / "real.gguf"
    writer = oracle.GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_float32("a.float", 1.5)
    writer.add_float64("a.double", 2.5)
    writer.add_bool("a.bool", True)
    writer.add_int64("a.long", -(2**40))
    writer.add_uint8("a.byte", 255)
    writer.add_string("a.text", "你好")
    writer.add_array("a.texts", ["x", "yz", ""])
    writer.add_array("a.numbers", [1, 2, 3])
    writer.add_tensor("token_embd.weight", np.ones((4, 32), dtype=np.float32))
    writer.add_tensor("blk.0.attn_q.weight", np.ones((8, 64), dtype=np.float16))
    writer.add_tensor("blk.1.attn_q.weight", np.ones((2, 3, 32), dtype=np.float32))
    rows = oracle.quantize(
        np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32), oracle.GGMLQuantizationType.Q4_1
    )
    writer.add_tensor("output.weight", rows, raw_dtype=oracle.GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_listing_equals_the_gguf_packages(real):
    ours, theirs = read_gguf(real), oracle.GGUFReader(real)
    assert len(ours.tensors) == len(theirs.tensors) == 4
    for a, b in zip(ours.tensors, theirs.tensors):
        assert (a.name, a.parameters, a.nbytes, a.offset, a.type) == (
            b.name, b.n_elements, b.n_bytes, b.data_offset, b.tensor_type.name,
        )  # fmt: skip
        assert list(a.shape) == b.shape.tolist()[::-1]


def test_metadata_equals_the_gguf_packages(real):
    ours, theirs = read_gguf(real).metadata, oracle.GGUFReader(real)
    shared = {k: f.contents() for k, f in theirs.fields.items() if not k.startswith("GGUF.")}
    assert ours == shared
    assert ours["a.text"] == "你好"
    assert ours["a.texts"] == ["x", "yz", ""]


def test_weights_are_counted_by_role(real):
    file = read_gguf(real)
    assert file.parameters == 128 + 512 + 192 + 192
    assert file.groups() == {"token_embd": 128, "attn_q": 704, "output": 192}
    assert file.bits_per_weight == pytest.approx((32 * 320 + 16 * 512 + 5 * 192) / 1024)
    assert repr(file) == "GGUF('real.gguf': 4 tensors, 1,024 weights)"


def test_tensor_types_equal_the_gguf_packages():
    theirs = {int(t): (t.name, *size) for t, size in oracle.GGML_QUANT_SIZES.items()}
    assert {number: TENSOR_TYPES[number] for number in theirs if number in TENSOR_TYPES} == {
        number: row for number, row in theirs.items() if number in TENSOR_TYPES
    }
    assert {0, 1, 2, 3, 8, 12, 14, 30} <= set(TENSOR_TYPES)


def test_truncated_anywhere_gives_one_clear_error(real, tmp_path):
    raw, cut = real.read_bytes(), tmp_path / "cut.gguf"
    end = max(t.offset + t.nbytes for t in read_gguf(real).tensors)  # padding may follow
    for length in [*range(0, end, 7), end - 1]:
        cut.write_bytes(raw[:length])
        with pytest.raises(ValueError, match=r"^file=cut.gguf .*; (fetch the file again|give a .gguf file)$"):
            read_gguf(cut)


@given(st.integers(0, 2**31), st.lists(st.integers(0, 255), min_size=1, max_size=6))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_a_value_error_or_nothing(real, place, values):
    raw = bytearray(real.read_bytes())
    for i, value in enumerate(values):
        raw[(place + i) % 900] = value
    damaged = real.with_name("damaged.gguf")
    damaged.write_bytes(raw)
    try:
        file = read_gguf(damaged)
    except ValueError as error:
        assert str(error).startswith("file=damaged.gguf ")
    else:
        assert all(t.offset + t.nbytes <= len(raw) for t in file.tensors)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"magic": b"GGML"}, "file=x.gguf starts with b'GGML', not b'GGUF'; give a .gguf file"),
        (
            {"version": 0x03000000},
            "file=x.gguf has GGUF version 50331648; versions 2 and 3 are read, convert it",
        ),
        (
            {"tensors": ((b"", 2**60),)},
            "file=x.gguf is damaged at byte 24, 1152921504606846976 tensors are announced, "
            "more than the file can hold; fetch the file again",
        ),
        (
            {"pairs": 1, "metadata": text("k" * 8) + struct.pack("<I", 99)},
            "file=x.gguf is damaged at byte 44, metadata type 99 is not known; fetch the file again",
        ),
        (
            {"pairs": 1, "metadata": struct.pack("<Q", 3) + b"\xff\xfe\xfd" + bytes(8)},
            "file=x.gguf is damaged at byte 35, a text is not UTF-8; fetch the file again",
        ),
        (
            {"pairs": 1, "metadata": text("general.alignment") + struct.pack("<II", 4, 0)},
            "file=x.gguf is damaged at byte 57, general.alignment=0 is not a positive whole number; "
            "fetch the file again",
        ),
        (
            {"tensors": (tensor("w", (8,)),), "weights": bytes(31)},
            "file=x.gguf is truncated, tensor w ends at byte 96 of 95; fetch the file again",
        ),
        (
            {"tensors": (tensor("w", (8,), number=77),), "weights": bytes(32)},
            "file=x.gguf is damaged at byte 57, tensor w has unknown type 77; fetch the file again",
        ),
        (
            {"tensors": (tensor("w", (8,), number=3),), "weights": bytes(32)},
            "file=x.gguf is damaged at byte 57, tensor w of shape (8,) does not fill blocks of 32; "
            "fetch the file again",
        ),
        (
            {"tensors": (tensor("w", (1,) * 9),), "weights": bytes(32)},
            "file=x.gguf is damaged at byte 37, tensor w has 9 dimensions; fetch the file again",
        ),
    ],
)
def test_each_kind_of_damage_is_named(tmp_path, content, message):
    with pytest.raises(ValueError) as error:
        read_gguf(write(tmp_path / "x.gguf", **content))
    assert str(error.value) == message


def test_an_intact_small_file_is_read(tmp_path):
    path = write(tmp_path / "x.gguf", tensors=(tensor("w", (4, 2)),), weights=bytes(32))
    (found,) = read_gguf(path).tensors
    assert (found.shape, found.offset, found.nbytes, found.type) == ((2, 4), 96, 32, "F32")


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "x.gguf").write_bytes(b"")
    with pytest.raises(ValueError, match=r"^file=x.gguf is empty; fetch the file again$"):
        read_gguf(tmp_path / "x.gguf")


@pytest.mark.skipif(not data.available("smollm2_135m"), reason="run: kit data get smollm2_135m")
def test_the_real_model_has_its_published_weights():
    from kit.planning import architecture

    file, shape = data.load("smollm2_135m"), architecture("smollm2-135m")
    assert file.parameters == shape.parameters == 134_515_008
    groups, count = file.groups(), shape.count()
    assert sum(groups[k] for k in ("attn_q", "attn_k", "attn_v", "attn_output")) == count["attention"]
    assert sum(groups[k] for k in ("ffn_gate", "ffn_up", "ffn_down")) == count["feed-forward"]
    assert groups["token_embd"] == count["token embedding"]
    assert file.metadata["llama.rope.freq_base"] == 100_000


def quantized(kind, rows=4, width=64):
    values = np.random.default_rng(1).normal(size=(rows, width)).astype(np.float32)
    return oracle.quantize(values, oracle.GGMLQuantizationType[kind])


@pytest.mark.parametrize("kind", ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"])
def test_weights_are_those_of_the_gguf_package(kind):
    raw = quantized(kind)
    expected = oracle.dequantize(raw, oracle.GGMLQuantizationType[kind])
    got = dequantize(raw.tobytes(), kind, (4, 64))
    assert got.dtype == torch.float32
    assert np.array_equal(got.numpy(), expected)


@settings(max_examples=20, deadline=None)
@given(
    kind=st.sampled_from(["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]),
    raw=st.binary(min_size=34 * 22, max_size=34 * 22),
)
def test_any_bytes_mean_what_the_gguf_package_says(kind, raw):
    size = oracle.GGML_QUANT_SIZES[oracle.GGMLQuantizationType[kind]][1]
    block = np.frombuffer(raw[: size * 3], dtype=np.uint8).reshape(3, size)
    with np.errstate(all="ignore"):
        expected = oracle.dequantize(block, oracle.GGMLQuantizationType[kind])
        got = dequantize(block.tobytes(), kind, (3, 32)).numpy()
    assert np.array_equal(got, expected, equal_nan=True)


def test_tensors_are_read_by_name(real):
    file = read_gguf(real)
    assert torch.equal(file.tensor("token_embd.weight"), torch.ones(4, 32))
    assert file.tensor("blk.1.attn_q.weight").shape == (2, 3, 32)
    assert file.tensor("output.weight").shape == (3, 64)
    with pytest.raises(ValueError) as error:
        file.tensor("output.wait")
    assert str(error.value).startswith(
        "name='output.wait' is not known; did you mean 'output.weight'? choose from"
    )


def test_a_type_that_cannot_be_read_is_named():
    with pytest.raises(ValueError) as error:
        dequantize(b"", "Q6_K", (256,))
    assert str(error.value).startswith("kind='Q6_K' is not known;")
    with pytest.raises(ValueError) as error:
        dequantize(bytes(8), "F32", (3,))
    assert str(error.value) == "raw holds 2 weights, shape=(3,) needs 3"
