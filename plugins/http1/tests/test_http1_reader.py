"""Field lines become fields: by memory, by the framing rules, or by the engine's parser."""

from __future__ import annotations

import pytest

from nonecorn.spi import Headers, Limits, RemoteProtocolError
from nonecorn_http1._fields import Fields, understand
from nonecorn_http1._reader import FieldReader


class Parser:
    """An engine's parser that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[bytes]] = []
        self.lose = 0

    def __call__(self, lines: list[bytes]) -> Headers:
        self.asked.append(list(lines))
        found = []
        for line in lines[self.lose :]:
            name, _, value = line.partition(b":")
            found.append((name.lower(), value.strip()))
        return found


def block(*lines: bytes) -> bytes:
    return b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


@pytest.fixture
def parser() -> Parser:
    return Parser()


@pytest.fixture
def reader(parser: Parser) -> FieldReader:
    return FieldReader(parser, Limits(head_fields=5))


def test_all_fields_in_order_and_those_that_matter_apart(reader: FieldReader) -> None:
    lines = (b"X: 1", b"Content-Length: 3", b"Host: a", b"Y: 2", b"Connection: close")
    for _ in range(2):
        headers, special = reader.read(block(*lines))
        assert headers == [
            (b"x", b"1"),
            (b"content-length", b"3"),
            (b"host", b"a"),
            (b"y", b"2"),
            (b"connection", b"close"),
        ]
        assert sorted(special) == [
            (b"connection", b"close"),
            (b"content-length", b"3"),
            (b"host", b"a"),
        ]


def test_lines_of_well_known_names_are_parsed_once(reader: FieldReader, parser: Parser) -> None:
    for _ in range(3):
        reader.read(block(b"Host: a", b"Accept: */*", b"X: 1"))
    assert parser.asked == [[b"Host: a", b"Accept: */*", b"X: 1"], [b"X: 1"], [b"X: 1"]]


@pytest.mark.parametrize(
    "line", [b"Cookie: a", b"Authorization: b", b"X-Forwarded-For: c", b"Referer: d"]
)
def test_what_may_identify_a_user_is_not_remembered(
    reader: FieldReader, parser: Parser, line: bytes
) -> None:
    reader.read(block(line))
    reader.read(block(line))
    assert len(parser.asked) == 2


def test_what_is_remembered_is_bounded(reader: FieldReader) -> None:
    for n in range(3000):
        reader.read(block(b"User-Agent: %d" % n))
    assert len(reader._known) <= 512
    reader.read(block(b"Accept: " + b"x" * 5000))
    assert max(map(len, reader._known)) <= 512
    assert repr(reader).startswith("<FieldReader lines=")


def read_whole(reader: FieldReader, lines: bytes) -> Fields:
    return understand(*reader.read(lines), "1.1", Limits())


def test_a_block_of_common_fields_is_recalled_with_its_meaning(reader: FieldReader) -> None:
    common = block(b"Host: a", b"Accept: */*", b"Connection: close")
    fields = read_whole(reader, common)
    reader.remember(common, fields)
    kept, recalled = reader.recall(bytes(bytearray(common)))
    assert recalled is fields
    assert kept is common, "connections share one copy of the bytes"


@pytest.mark.parametrize("line", [b"Cookie: a", b"Authorization: b", b"Content-Length: 0"])
def test_a_block_with_any_other_field_is_not_recalled(reader: FieldReader, line: bytes) -> None:
    private = block(b"Host: a", line)
    reader.remember(private, read_whole(reader, private))
    assert reader.recall(private) is None


def test_recalled_blocks_are_bounded(reader: FieldReader) -> None:
    for n in range(1000):
        each = block(b"Host: a", b"User-Agent: %d" % n)
        reader.remember(each, read_whole(reader, each))
    assert len(reader._blocks) <= 128
    large = block(b"Host: a", *(b"Accept: " + b"x" * 1100 for _ in range(2)))
    reader.remember(large, read_whole(reader, large))
    assert reader.recall(large) is None


def test_lines_that_frame_are_shown_to_no_parser(reader: FieldReader, parser: Parser) -> None:
    headers, _ = reader.read(block(b"Content-Length:\t 3 ", b"TRANSFER-ENCODING: chunked"))
    assert headers == [(b"content-length", b"3"), (b"transfer-encoding", b"chunked")]
    assert parser.asked == []


def test_no_fields_are_none(reader: FieldReader) -> None:
    assert reader.read(b"\r\n\r\n") == ([], [])


@pytest.mark.parametrize(
    "line", [b"", b" X: 1", b"\tX: 1", b"X: \0", b"X: \x7f", b"X: a\rb", b"X: a\nb", b"\0"]
)
def test_a_line_of_bad_bytes_is_refused(reader: FieldReader, line: bytes) -> None:
    for _ in range(2):
        with pytest.raises(RemoteProtocolError) as raised:
            reader.read(block(b"Host: a", line))
        assert raised.value.status == 400


def test_too_many_are_refused(reader: FieldReader) -> None:
    reader.read(block(*[b"Host: a"] * 5))
    with pytest.raises(RemoteProtocolError) as raised:
        reader.read(block(*[b"Host: a"] * 6))
    assert raised.value.status == 431


def test_a_parser_that_loses_a_line_is_not_believed(reader: FieldReader, parser: Parser) -> None:
    parser.lose = 1
    with pytest.raises(RemoteProtocolError):
        reader.read(block(b"X: 1", b"Y: 2"))


# What they mean -----------------------------------------------------------------------------------

HOST = (b"host", b"a")


def meaning(*special: tuple[bytes, bytes], version: str = "1.1", **limits: int):
    fields = list(special)
    return understand(fields, fields, version, Limits(**limits))[1:]


PLAIN = (True, -1, False, False, b"")


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ([], PLAIN),
        ([(b"content-length", b"0")], (True, 0, False, False, b"")),
        ([(b"content-length", b"007")], (True, 7, False, False, b"")),
        ([(b"transfer-encoding", b"Chunked")], (True, -1, True, False, b"")),
        ([(b"connection", b"Close")], (False, -1, False, False, b"")),
        ([(b"connection", b"a ,\tclose,b")], (False, -1, False, False, b"")),
        ([(b"connection", b"closed")], PLAIN),
        ([(b"connection", b"x"), (b"connection", b"close")], (False, -1, False, False, b"")),
        ([(b"expect", b"100-Continue")], (True, -1, False, True, b"")),
        ([(b"upgrade", b"X")], PLAIN),
        ([(b"upgrade", b"X"), (b"connection", b"Upgrade")], (True, -1, False, False, b"x")),
        (
            [(b"upgrade", b"X"), (b"upgrade", b"Y/2"), (b"connection", b"upgrade")],
            (True, -1, False, False, b"x,y/2"),
        ),
    ],
)
def test_meanings(fields, wanted) -> None:
    assert meaning(HOST, *fields) == wanted


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ([], (False, -1, False, False, b"")),
        ([(b"connection", b"keep-alive")], PLAIN),
        ([(b"connection", b"keep-alive, close")], (False, -1, False, False, b"")),
        ([(b"expect", b"100-continue")], (False, -1, False, False, b"")),
        ([(b"expect", b"tea")], (False, -1, False, False, b"")),
        ([(b"upgrade", b"x"), (b"connection", b"upgrade")], (False, -1, False, False, b"")),
    ],
)
def test_meanings_in_http_1_0(fields, wanted) -> None:
    assert meaning(*fields, version="1.0") == wanted


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([], 400),
        ([HOST, HOST], 400),
        ([(b"host", b"a/b")], 400),
        ([HOST, (b"content-length", b"1"), (b"content-length", b"1")], 400),
        ([HOST, (b"content-length", b"1,1")], 400),
        ([HOST, (b"content-length", b"")], 400),
        ([HOST, (b"content-length", b"1" * 19)], 400),
        ([HOST, (b"content-length", b"0"), (b"transfer-encoding", b"chunked")], 400),
        ([HOST, (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")], 501),
        ([HOST, (b"transfer-encoding", b"gzip, chunked")], 501),
        ([HOST, (b"transfer-encoding", b"")], 501),
        ([HOST, (b"expect", b"tea")], 417),
        ([HOST, (b"content-length", b"11")], 413),
    ],
)
def test_contradictions(fields, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        meaning(*fields, body_size=10)
    assert raised.value.status == status


def test_codings_in_http_1_0() -> None:
    with pytest.raises(RemoteProtocolError):
        meaning((b"transfer-encoding", b"chunked"), version="1.0")
