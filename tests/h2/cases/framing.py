"""The connection and its frames: RFC 9113 sections 3.4, 4, 5.5 and 7."""

from __future__ import annotations

import struct

from tests.h2 import frames as f
from tests.h2.cases.outcome import alive, answered, case, closed, connection_error, stream_error
from tests.h2.client import Client

GET = f.request()
POSTED = f.headers(1, f.request(b"/digest", method=b"POST"), end=False)


def largest(client: Client) -> int:
    return client.settings.get(f.MAX_FRAME_SIZE, 16384)


def too_large_data(client: Client) -> None:
    client.send(POSTED, f.data(1, bytes(largest(client) + 1), end=True))


def too_large_headers(client: Client) -> None:
    filler = [(b"x-filler", b"v" * 4000)] * (largest(client) // 4000 + 1)
    client.send(f.headers(1, [*GET, *filler]))


def too_large_settings(client: Client) -> None:
    client.send(f.settings(*[(0x4242, 1)] * (largest(client) // 6 + 1)))


def one_byte_at_a_time(client: Client) -> None:
    for byte in f.PREFACE + f.settings() + f.headers(1, GET):
        client.send(bytes([byte]))


def accepted(size: int):
    def check(client: Client) -> None:
        answered()(client)
        assert b'"size": %d,' % size in client[1].data

    return check


# fmt: off
CASES = [
    case("3.4", "a preface byte by byte", one_byte_at_a_time, answered(b"hello"), greet=False),
    case("3.4", "another preface", b"INVALID CONNECTION PREFACE\r\n\r\n", closed, greet=False),
    case("3.4", "a preface that goes wrong at its end",
         f.PREFACE[:-1] + b"x" + f.settings(), closed, greet=False),
    case("3.4", "no SETTINGS after the preface", f.PREFACE + f.ping(),
         connection_error(f.PROTOCOL_ERROR), greet=False),
    case("3.4", "an acknowledgement in place of SETTINGS", f.PREFACE + f.settings_ack(),
         connection_error(f.PROTOCOL_ERROR), greet=False),
    case("3.4", "a request before the server's SETTINGS",
         f.PREFACE + f.settings() + f.headers(1, GET), answered(b"hello"), greet=False),
    case("4.1", "a frame of an unknown type",
         f.frame(f.UNKNOWN, 0, 0, b"\0" * 8) + f.headers(1, GET), answered()),
    case("4.1", "a frame of an unknown type on a stream",
         f.frame(f.UNKNOWN, 0xFF, 1, b"\0" * 8) + f.headers(1, GET), answered()),
    case("4.1", "flags without a meaning",
         f.frame(f.PING, 0x16, 0, b"01234567") + f.headers(1, GET), answered()),
    case("4.1", "a reserved bit that is set",
         f.frame(f.PING, 0, 0x80000000, b"01234567")
         + f.frame(f.HEADERS, f.END_STREAM | f.END_HEADERS, 0x80000001, f.block(GET)), answered()),
    case("4.2", "DATA of 2^14 bytes", POSTED + f.data(1, bytes(16384), end=True), accepted(16384)),
    case("4.2", "DATA beyond SETTINGS_MAX_FRAME_SIZE", too_large_data,
         stream_error(f.FRAME_SIZE_ERROR)),
    case("4.2", "HEADERS beyond SETTINGS_MAX_FRAME_SIZE", too_large_headers,
         connection_error(f.FRAME_SIZE_ERROR)),
    case("4.2", "SETTINGS beyond SETTINGS_MAX_FRAME_SIZE", too_large_settings,
         connection_error(f.FRAME_SIZE_ERROR)),
    case("4.2", "a length that no frame may have",
         f.head(0xFFFFFF, f.DATA, 0, 1) + bytes(1000), connection_error(f.FRAME_SIZE_ERROR)),
    case("4.3", "a broken field block", f.headers(1, b"\x40\x7fshort"),
         connection_error(f.COMPRESSION_ERROR)),
    case("4.3", "PRIORITY within a field block",
         f.frame(f.HEADERS, f.END_STREAM, 1, f.block(GET)) + f.priority(1)
         + f.continuation(1, b""), connection_error(f.PROTOCOL_ERROR)),
    case("4.3", "HEADERS of another stream within a field block",
         f.frame(f.HEADERS, f.END_STREAM, 1, f.block(GET)) + f.headers(3, GET),
         connection_error(f.PROTOCOL_ERROR)),
    case("5.5", "an unknown extension frame", f.frame(0x16, 0, 0, b"\0" * 8) + f.ping(), alive),
    case("5.5", "an unknown extension frame within a field block",
         f.frame(f.HEADERS, f.END_STREAM, 1, f.block(GET)) + f.frame(0x16, 0, 0, b"\0" * 8)
         + f.continuation(1, b""), connection_error(f.PROTOCOL_ERROR)),
    case("5.4.1", "a broken PING, and the connection ends", f.frame(f.PING, 0, 0, b"\0" * 6),
         connection_error(f.FRAME_SIZE_ERROR)),
    case("7", "GOAWAY with an unknown code", f.headers(1, GET) + f.goaway(0, 0xFF),
         lambda client: client.wait(lambda: client[1].done)),
    case("7", "RST_STREAM with an unknown code",
         f.headers(1, f.request(b"/wait")) + f.frame(f.RST_STREAM, 0, 1, struct.pack(">I", 0xFF)),
         alive),
]
