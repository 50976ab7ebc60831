"""Error codes, the capsule that closes, and lists of strings."""

import pytest

from nonecorn.spi import LocalProtocolError, RemoteProtocolError
from nonecorn_webtransport import _closing as closing
from nonecorn_webtransport import _codes as codes
from nonecorn_webtransport import _handshake as handshake

ANY = [*range(200), 0xFFFF, 1 << 20, codes.MOST - 1, codes.MOST]


@pytest.mark.parametrize("code", ANY)
def test_codes_go_there_and_back(code):
    assert codes.from_http(codes.to_http(code)) == code


def test_codes_never_fall_on_reserved_ones():
    assert not [code for code in ANY if (codes.to_http(code) - 0x21) % 0x1F == 0]


def test_codes_lie_in_their_range():
    assert codes.to_http(0) == 0x52E4A40FA8DB
    assert codes.to_http(codes.MOST) == 0x52E5AC983162


@pytest.mark.parametrize("code", [0, 0x10C, 0x52E4A40FA8DA, 0x52E4A40FA8F9, 0x52E5AC983163])
def test_other_codes_are_none(code):
    assert codes.from_http(code) is None


def test_a_close_goes_there_and_back():
    reader = closing.capsule_reader()
    [(kind, value)] = reader.receive(closing.close_capsule(codes.MOST, "ü" * 512))
    assert kind == closing.CLOSE
    assert closing.read_close(value) == (codes.MOST, "ü" * 512)


@pytest.mark.parametrize("value", [b"", b"abc", b"\0" * 1029, b"\0\0\0\0\xff"])
def test_a_close_that_is_none_is_refused(value):
    with pytest.raises(RemoteProtocolError):
        closing.read_close(value)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], ()),
        ([b'"one"'], ("one",)),
        ([b'"one" ,\t"t\\"w\\\\o"'], ("one", 't"w\\o')),
        ([b'"one"', b'"two"'], ("one", "two")),
        ([b'"one";a=1;b, "two";c="x,y"'], ("one", "two")),
        ([b"one"], ()),
        ([b'"one",'], ()),
        ([b'"one" "two"'], ()),
        ([b'"one'], ()),
        ([b'"\xc3\xbc"'], ()),
    ],
)
def test_subprotocols_are_a_list_of_strings(lines, found):
    fields = [(b"wt-available-protocols", line) for line in lines]
    read = handshake.read("3", [(b"host", b"test"), *fields], has_body=True)
    assert read.subprotocols == found


def test_a_subprotocol_is_quoted():
    offered = handshake.Handshake(draft_02=True, subprotocols=('a"\\',))
    assert offered.response('a"\\', [(b"x", b"1")]) == [
        handshake.DRAFT_02, (b"wt-protocol", b'"a\\"\\\\"'), (b"x", b"1"),
    ]  # fmt: skip
    with pytest.raises(LocalProtocolError):
        offered.response("b", [])


@pytest.mark.parametrize("name", [b"WT-Protocol", b"Sec-WebTransport-Http3-Draft", b":status"])
def test_fields_of_the_handshake_are_the_servers(name):
    offered = handshake.Handshake(draft_02=False, subprotocols=())
    with pytest.raises(LocalProtocolError):
        offered.response(None, [(name, b"x")])
