"""Frames: known bytes, round trips, and what must not pass for a frame."""

from __future__ import annotations

import struct
import zlib

import pytest
from tinydeploy.abi import declared, protocol
from tinydeploy.abi.layout import Field, Struct
from tinydeploy.link.frame import Decoder, Frame, Noise, encode


def test_hello_frame_by_hand() -> None:
    # type 1, status 0, sequence 2, session 3, no payload; CRC seeded with 0.
    body = bytes([1, 0, 2, 0, 3, 0, 0, 0])
    crc = struct.pack("<I", zlib.crc32(body))
    # COBS: each zero becomes the distance to the next one.
    encoded = bytes([2, 1, 2, 2, 2, 3, 1, 1, 5]) + crc
    assert 0 not in crc
    assert encode(Frame(1, 2, 3)) == b"\0" + encoded + b"\0"


def test_frames_survive_any_cut_of_the_stream() -> None:
    frames = [Frame(5, n, 7, bytes(range(n)) * 2, n % 3) for n in range(40)]
    stream = b"".join(map(encode, frames))
    for step in (1, 2, 3, 7, 1000):
        decoder = Decoder()
        pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
        assert [item for piece in pieces for item in decoder.feed(piece)] == frames


def test_every_flipped_bit_is_noticed() -> None:
    stream = encode(Frame(3, 4, 5, b"payload"))
    for bit in range(8, 8 * (len(stream) - 1)):  # the delimiters are tested by the cut below
        spoiled = bytearray(stream)
        spoiled[bit // 8] ^= 1 << bit % 8
        assert not any(isinstance(item, Frame) for item in Decoder().feed(bytes(spoiled) + b"\0"))


def test_a_cut_frame_does_not_spoil_the_next() -> None:
    good = Frame(3, 4, 5, b"payload")
    for length in range(1, len(encode(good)) - 1):
        items = list(Decoder().feed(encode(good)[:length] + encode(good)))
        assert items[-1] == good
        assert all(isinstance(item, Noise) for item in items[:-1])


def test_another_abi_is_not_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = encode(Frame(protocol.Command.STATUS, 1, 1))
    monkeypatch.setattr(declared, "ABI_HASH", declared.ABI_HASH ^ 1)
    (item,) = Decoder().feed(stream)
    assert isinstance(item, Noise)
    assert item.reason == "wrong checksum"


def test_text_between_frames_is_told_from_garbage() -> None:
    text, garbage = Decoder().feed(b"hello world\r\n\0\xff\xfe\x80\0")
    assert isinstance(text, Noise)
    assert text.text == "hello world\r\n"
    assert isinstance(garbage, Noise)
    assert garbage.text is None


def test_layouts_refuse_padding_and_unknown_fields() -> None:
    with pytest.raises(ValueError, match="not aligned"):
        Struct("S", "", (Field("a", "u8", ""), Field("b", "u32", "")))
    with pytest.raises(ValueError, match="multiple"):
        Struct("S", "", (Field("a", "u32", ""), Field("b", "u8", "")))
    with pytest.raises(TypeError, match="no field"):
        protocol.LoadRequest.pack(oops=1)


def test_layout_round_trip_of_each_kind_of_field() -> None:
    packed = protocol.TensorReply.pack(type=9, rank=2, bytes=6, dims=(2, 3), scale=0.5)
    fields = protocol.TensorReply.unpack(packed)
    assert len(packed) == 44
    assert fields["dims"] == (2, 3, 0, 0, 0, 0)
    assert fields["scale"] == 0.5
    hello = protocol.HelloReply.unpack(protocol.HelloReply.pack(board="x", build_id=b"\1" * 16))
    assert hello["board"] == "x"
    assert hello["build_id"] == b"\1" * 16
