"""HPACK: field blocks that a decoder must refuse (RFC 7541)."""

from __future__ import annotations

from tests.h2 import frames as f
from tests.h2.cases.outcome import case, connection_error

GET = f.block(f.request())

compression_error = connection_error(f.COMPRESSION_ERROR)


def get(more: bytes) -> bytes:
    return f.headers(1, GET + more)


def huffman(coded: bytes) -> bytes:
    """A field whose value is in Huffman code; code of `a` is 00011."""
    return b"\x00" + f.text(b"x-test") + f.integer(len(coded), 7, 0x80) + coded


# fmt: off
CASES = [
    case("RFC 7541 2.3.3", "an index beyond both tables", get(f.indexed(70)), compression_error),
    case("RFC 7541 2.3.3", "a literal whose name's index is beyond both tables",
         get(f.integer(70, 6, 0x40) + f.text(b"x")), compression_error),
    case("RFC 7541 4.2", "a table size update at the end of a block", get(f.table_size(128)),
         compression_error),
    case("RFC 7541 5.1", "an integer without bounds", get(b"\xff" + b"\xff" * 20 + b"\x01"),
         compression_error),
    case("RFC 7541 5.2", "Huffman padding of more than 7 bits",
         get(huffman(b"\x1f\xff")), compression_error),
    case("RFC 7541 5.2", "Huffman padding of zeros", get(huffman(b"\x18")), compression_error),
    case("RFC 7541 5.2", "Huffman code with EOS", get(huffman(b"\xff\xff\xff\xff")),
         compression_error),
    case("RFC 7541 5.2", "a text that is cut short", get(b"\x00\x05ab"), compression_error),
    case("RFC 7541 6.1", "index 0", get(f.indexed(0)), compression_error),
    case("RFC 7541 6.3", "a table size above SETTINGS_HEADER_TABLE_SIZE",
         f.headers(1, f.table_size(1 << 20) + GET), compression_error),
    case("RFC 7541 6.3", "a table size just above SETTINGS_HEADER_TABLE_SIZE",
         lambda client: client.send(f.headers(1, f.table_size(
             client.settings.get(f.HEADER_TABLE_SIZE, 4096) + 1) + GET)), compression_error),
]
