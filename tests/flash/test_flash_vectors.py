"""Bytes on the wire against the vectors of docs/boards/nano33.md, 8 and sparkfun_edge.md, 7.4."""

from __future__ import annotations

import pytest
from tinydeploy.flash import ambiq_messages as ambiq
from tinydeploy.flash import samba, svl
from tinydeploy.flash.crc import POLYNOMIAL_CCITT, POLYNOMIAL_IBM, crc16

IMAGE = bytes(range(16))
OTA_BLOB = (
    bytes.fromhex("90 00 00 cb 29 fd b2 e8 80 80 00 10")
    + bytes(0x64)
    + bytes.fromhex("00 c0 00 00 00 00 00 00 ff ff ff ff ff ff ff ff")
    + IMAGE
)
WIRE_BLOB = (
    bytes.fromhex("00 08 00 08")
    + bytes(0x4C)
    + bytes.fromhex("06 01 00 00 21 43 34 12 00 00 02 00 90 00 00 00")
    + OTA_BLOB
)


@pytest.mark.parametrize(
    ("polynomial", "data", "expected"),
    [
        (POLYNOMIAL_CCITT, b"123456789", 0x31C3),
        (POLYNOMIAL_CCITT, b"\xff" * 4096, 0xE03E),
        (POLYNOMIAL_CCITT, bytes(i * 7 & 0xFF for i in range(4096)), 0xD5B0),
        (POLYNOMIAL_IBM, b"123456789", 0xFEE8),
    ],
)
def test_crc16_has_the_published_check_values(polynomial: int, data: bytes, expected: int) -> None:
    assert crc16(data, polynomial) == expected


def test_page_checksum_is_that_of_the_z_command() -> None:
    assert samba.page_checksum(b"\xff" * samba.PAGE_BYTES) == 0xE03E


def test_ota_blob_equals_ambiqs_own() -> None:
    assert ambiq.ota_blob(IMAGE).hex(" ") == OTA_BLOB.hex(" ")


def test_wire_blob_equals_ambiqs_own() -> None:
    assert ambiq.wire_parts(OTA_BLOB) == [WIRE_BLOB]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (ambiq.hello(), "14 55 9d e9 00 00 08 00"),
        (ambiq.otadesc(0xFE000), "00 d4 bf 7e 02 00 0c 00 00 e0 0f 00"),
        (
            ambiq.update(WIRE_BLOB),
            "e0 4f 48 aa 03 00 14 00 f0 00 00 00 e3 d7 29 1b 00 00 00 00",
        ),
        (ambiq.data(WIRE_BLOB, 0)[:12], "71 f5 d6 27 08 00 fc 00 00 00 00 00"),
        (ambiq.reset(ambiq.RESET_POI), "f0 71 33 6c 06 00 0c 00 01 00 00 00"),
        (ambiq.reset(ambiq.RESET_POR), "1e de 86 7e 06 00 0c 00 02 00 00 00"),
        (ambiq.abort(ambiq.ABORT_QUIT), "8d 76 16 2e 04 00 0c 00 01 00 00 00"),
    ],
)
def test_ambiq_messages_equal_the_vectors(message: bytes, expected: str) -> None:
    assert message.hex(" ") == expected


def test_the_data_message_carries_the_whole_blob() -> None:
    message = ambiq.data(WIRE_BLOB, 0)
    assert len(message) == 252
    assert message[12:] == WIRE_BLOB


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_an_image_is_filled_with_the_fill_count(size: int) -> None:
    fill = -size % 4
    assert ambiq.ota_blob(bytes(size))[128:] == bytes(size) + bytes([fill]) * fill


def test_a_large_blob_goes_last_part_first_and_only_its_start_asks_for_installation() -> None:
    blob = bytes(2 * ambiq.PART_BYTES + 40)
    parts = ambiq.wire_parts(blob)
    headers = [(part[0x51], int.from_bytes(part[0x58:0x5C], "little")) for part in parts]
    assert headers == [(0, 0x20000 + 0x90000), (0, 0x20000 + 0x48000), (1, 0x20000)]
    assert [len(part) - ambiq.WIRE_HEADER_BYTES for part in parts] == [40, 0x48000, 0x48000]


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (svl.packet(svl.Command.VERSION, b"\6"), "00 04 01 06 86 17"),
        (svl.packet(svl.Command.BOOTLOAD), "00 03 02 80 0f"),
        (svl.packet(svl.Command.NEXT), "00 03 03 00 0a"),
        (svl.packet(svl.Command.FRAME, IMAGE), f"00 13 04 {IMAGE.hex(' ')} e7 10"),
        (svl.packet(svl.Command.RETRY), "00 03 05 00 1e"),
        (svl.packet(svl.Command.DONE), "00 03 06 00 14"),
    ],
)
def test_svl_packets_equal_the_vectors(packet: bytes, expected: str) -> None:
    assert packet.hex(" ") == expected


@pytest.mark.parametrize("damaged", range(20))
def test_a_damaged_acknowledgement_is_not_believed(damaged: int) -> None:
    whole = ambiq.message(ambiq.Type.ACK, (8).to_bytes(4, "little") + bytes(8))
    assert ambiq.parse(whole) == ambiq.Ack(8, 0, 0)
    spoiled = whole[:damaged] + bytes([whole[damaged] ^ 4]) + whole[damaged + 1 :]
    assert ambiq.parse(spoiled) is None
