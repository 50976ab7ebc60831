"""Headers of the PROXY protocol, by their bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonecorn.builtin.proxy_protocol.checksum import crc32c
from nonecorn.builtin.proxy_protocol.header import (
    LONGEST_BLOCK,
    MalformedHeaderError,
    ProxyHeader,
    read,
)
from tests.proxy_protocol.headers import (
    SIGNATURE,
    TCP4,
    TCP6,
    UNIX,
    V1,
    V2,
    block,
    checked,
    inet,
    tlv,
)

CLIENT, SERVER = ("192.0.2.7", 51000), ("198.51.100.9", 443)
V6 = inet("2001:db8::7", 51000, "2001:db8::9", 443)


def known(data: bytes, client: object = CLIENT, server: object = SERVER) -> ProxyHeader:
    return ProxyHeader(size=len(data), known=True, client=client, server=server)


@pytest.mark.parametrize("data", [V1, V2, checked(TCP4, V2[16:])])
def test_both_ends_are_read_and_the_rest_is_left(data):
    assert read(data) == known(data)
    assert read(data + b"GET / HTTP/1.1\r\n") == known(data)


@pytest.mark.parametrize("data", [V1, V2, checked(TCP6, V6), block(0x20, command=0x20)])
def test_every_beginning_of_a_header_is_incomplete(data):
    assert [read(data[:size]) for size in range(1, len(data))] == [None] * (len(data) - 1)


@pytest.mark.parametrize(
    "data", [b"PROXY TCP6 2001:db8::7 2001:DB8:0::9 51000 443\r\n", block(TCP6, V6)]
)
def test_addresses_of_ipv6_are_written_in_one_form(data):
    assert read(data) == known(data, ("2001:db8::7", 51000), ("2001:db8::9", 443))


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff::1 whatever it says 1 2\r\n",
        block(0x00),
        block(0x00, b"not to be looked at"),
        block(0x00, command=0x20),
        block(TCP4, V2[16:], command=0x20),
        block(0x7F, b"?", command=0x20),
    ],
)
def test_a_header_may_name_nobody(data):
    assert read(data) == ProxyHeader(size=len(data))


def test_a_client_of_a_unix_socket_has_no_address():
    def unix(path: bytes) -> bytes:
        return block(UNIX, bytes(108) + path.ljust(108, b"\0"))

    data = unix(b"/run/app.sock")
    assert read(data) == known(data, None, ("/run/app.sock", None))
    assert read(unix(b"")) == known(data, None, None)


def test_a_datagram_client_is_a_client():
    data = block(0x12, V2[16:])
    assert read(data) == known(data)


def test_extensions_are_skipped():
    data = block(TCP4, V2[16:] + tlv(0x04, b"\0" * 9) + tlv(0xEA, b"vpce") + tlv(0x02, b""))
    assert read(data) == known(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\n", "no PROXY header"),
        (b"PROXZ", "no PROXY header"),
        (b"proxy TCP4", "no PROXY header"),
        (b"\r\n\r\n\0\r\nQUIP", "no PROXY header"),
        (b"\x16\x03\x01", "no PROXY header"),
        (b"PROXY \r\n", "another form"),
        (b"PROXY TCP4\r\n", "another form"),
        (b"PROXY UDP4 192.0.2.7 198.51.100.9 51000 443\r\n", "another form"),
        (b"PROXY TCP4  192.0.2.7 198.51.100.9 51000 443\r\n", "another form"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.9 51000 443 \r\n", "another form"),
        (b"PROXY TCP4 192.0.2.7\t198.51.100.9 51000 443\r\n", "another form"),
        (b"PROXY TCP4 2001:db8::7 2001:db8::9 51000 443\r\n", "another family"),
        (b"PROXY TCP6 192.0.2.7 198.51.100.9 51000 443\r\n", "another family"),
        (b"PROXY TCP4 192.0.2.07 198.51.100.9 51000 443\r\n", "another family"),
        (b"PROXY TCP4 localhost 198.51.100.9 51000 443\r\n", "another family"),
        (b"PROXY TCP4 \xd9\xa1.0.2.7 198.51.100.9 51000 443\r\n", "another family"),
        (b"PROXY TCP6 fe80::1%eth0 ::1 51000 443\r\n", "zone"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.9 65536 443\r\n", "port"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.9 051 443\r\n", "port"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.9 -1 443\r\n", "port"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.9 51000 \r\n", "port"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.9 51000 443\n" + b"x" * 70, "longer than 107"),
        (b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", "longer than 107"),
        (block(TCP4, V2[16:], command=0x11), "version and command 0x11"),
        (block(TCP4, V2[16:], command=0x22), "version and command 0x22"),
        (block(0x41, bytes(300)), "transport 0x41"),
        (block(0x10, V2[16:]), "transport 0x10"),
        (block(0x13, V2[16:]), "transport 0x13"),
        (block(0x01, V2[16:]), "transport 0x01"),
        (block(TCP4, V2[16:-1]), "no room"),
        (block(TCP6, V2[16:]), "no room"),
        (block(UNIX, bytes(215)), "no room"),
        (block(TCP4, V2[16:] + b"\x04\x00"), "does not end"),
        (block(TCP4, V2[16:] + b"\x04\x00\x02\x00"), "does not end"),
        (block(TCP4, V2[16:] + tlv(3, b"\0\0\0\0")), "checksum"),
        (block(TCP4, V2[16:] + tlv(3, b"\0\0\0")), "checksum"),
        (checked(TCP4, V2[16:])[:-5] + b"\0" * 5, "checksum"),
    ],
)
def test_what_the_specification_does_not_allow_is_malformed(data, why):
    with pytest.raises(MalformedHeaderError, match=why):
        read(data)


def test_the_longest_line_is_taken():
    data = b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n"
    assert len(data) == 107
    assert read(data) == ProxyHeader(size=107)


def test_a_block_is_bounded_before_it_has_come():
    longest = block(0x00, bytes(LONGEST_BLOCK - 16))
    assert read(longest) == ProxyHeader(size=LONGEST_BLOCK)
    with pytest.raises(MalformedHeaderError, match="4097 bytes"):
        read(SIGNATURE + b"\x21\x11" + (LONGEST_BLOCK - 15).to_bytes(2, "big"))


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        # RFC 3720 section B.4, as numbers.
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_checksums_are_those_of_the_rfc(data, checksum):
    assert crc32c(data) == checksum


@given(
    prefix=st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11\0"]),
    rest=st.binary(max_size=300),
)
def test_whatever_comes_is_a_header_none_yet_or_malformed(prefix, rest):
    data = prefix + rest
    try:
        header = read(data) if data else None
    except MalformedHeaderError:
        return
    if header is None:
        assert len(data) < LONGEST_BLOCK  # what is held back is bounded
    else:
        assert header.size <= len(data)
        assert read(data[: header.size]) == header
