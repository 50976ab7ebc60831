"""Field compression agrees with hpack's, in both directions, and bounds what it unfolds."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nonecorn_h2._errors import ConnectionFault, ErrorCode
from nonecorn_h2._hpack import NO_TABLE, Decoder, encode, encode_status

NAMES = st.sampled_from([b":method", b":path", b"accept", b"cookie", b"x-a", b"x-" + b"b" * 200])
FIELD = st.tuples(NAMES, st.binary(max_size=300), st.booleans())
BLOCKS = st.lists(st.lists(FIELD, max_size=8), max_size=8)


def decoder() -> Decoder:
    return Decoder(65536, 131072)


@given(BLOCKS, st.lists(st.sampled_from([0, 64, 500, 4096]), max_size=8), st.booleans())
@settings(max_examples=300, deadline=None)
def test_what_hpack_encodes_is_decoded(blocks, sizes, huffman):
    theirs = hpack.Encoder()
    ours = decoder()
    for number, fields in enumerate(blocks):
        if number < len(sizes):
            theirs.header_table_size = sizes[number]
        block = theirs.encode(fields, huffman=huffman)
        assert ours.decode(block) == [(name, value) for name, value, _ in fields]


@given(st.lists(st.binary(max_size=60), max_size=4))
@settings(max_examples=500, deadline=None)
def test_any_bytes_mean_what_they_mean_to_hpack(blocks):
    theirs = hpack.Decoder(max_header_list_size=131072)
    ours = decoder()
    for block in blocks:
        try:
            expected = [(bytes(n), bytes(v)) for n, v in theirs.decode(block, raw=True)]
        except hpack.HPACKError:
            with pytest.raises(ConnectionFault) as caught:
                ours.decode(block)
            assert caught.value.code == ErrorCode.COMPRESSION_ERROR
            return
        assert ours.decode(block) == expected


@given(st.integers(200, 999), st.lists(st.tuples(NAMES, st.binary(max_size=400)), max_size=8))
@settings(max_examples=200, deadline=None)
def test_what_we_encode_hpack_decodes(status, fields):
    theirs = hpack.Decoder()
    theirs.max_allowed_table_size = 0
    block = NO_TABLE + encode_status(status) + encode(fields)
    assert theirs.decode(block, raw=True) == [(b":status", b"%d" % status), *fields]
    assert not theirs.header_table.dynamic_entries


def test_nobody_is_to_remember_a_secret():
    [field] = hpack.Decoder().decode(encode([(b"set-cookie", b"a=b")]), raw=True)
    assert isinstance(field, hpack.NeverIndexedHeaderTuple)


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\x80", id="index 0"),
        pytest.param(b"\xbe", id="an index beyond the table"),
        pytest.param(b"\xff\xff\xff\xff\xff\xff\x0f", id="an integer of too many octets"),
        pytest.param(b"\xff", id="an integer that is cut"),
        pytest.param(b"\x00\x05ab", id="a name that is cut"),
        pytest.param(b"\x00\x01a\x7f\xff\xff", id="a length that is cut"),
        pytest.param(b"\x00\x01a\x81\x00", id="padding of zeros in Huffman code"),
        pytest.param(b"\x00\x01a\x82\x1f\xff", id="padding of more than seven bits"),
        pytest.param(b"\x00\x01a\x84\xff\xff\xff\xff", id="the end-of-string symbol"),
        pytest.param(b"\x82\x20", id="a table size after a field"),
        pytest.param(b"\x3f\xe2\x1f", id="a table size over the setting"),
    ],
)
def test_what_is_no_block_is_a_compression_error(block):
    with pytest.raises(ConnectionFault, match="COMPRESSION_ERROR"):
        decoder().decode(block)


def test_too_large_a_list_is_read_to_its_end_and_dropped():
    ours = Decoder(1000, 100_000)
    theirs = hpack.Encoder()
    large = [(b"x-large", b"y" * 2000), (b"x-after", b"z")]
    assert ours.decode(theirs.encode(large)) is None
    assert ours.decode(theirs.encode(large[1:])) == large[1:], "the tables are apart"


def test_a_bomb_is_not_unfolded():
    """CVE-2016-6581: a byte of the block for each copy of a large entry."""
    ours = Decoder(65536, 131072)
    bomb = b"\x40\x01x\x7f\x81\x1e" + b"y" * 3968 + b"\xbe" * 60000
    with pytest.raises(ConnectionFault, match="ENHANCE_YOUR_CALM"):
        ours.decode(bomb)


def test_it_says_whether_a_block_changed_the_table():
    ours = decoder()
    ours.decode(b"\x82\x00\x01a\x01b\x10\x01a\x01b")
    assert ours.changes == 0
    ours.decode(b"\x40\x01a\x01b")
    assert ours.changes == 1
    ours.decode(b"\x20")
    assert ours.changes == 2
    assert "0 entries" in repr(ours)
