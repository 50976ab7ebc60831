"""What a line says, and that nothing a client sends can make it say more."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonecorn.builtin.access_log.escape import escape, escape_bytes
from nonecorn.builtin.access_log.formats import compile_format
from nonecorn.builtin.moments import common_time, iso_time
from nonecorn.spi import ConfigError, RequestRecord

WALL = 784111777


@pytest.fixture
def india(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A zone with an odd offset."""
    if not hasattr(time, "tzset"):
        pytest.skip("the zone cannot be changed here")
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    monkeypatch.setenv("TZ", "IST-05:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def make_record(
    scope: dict[str, Any] | None = None, headers: Any = None, **changes: Any
) -> RequestRecord:
    base = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"x=1",
        "client": ("192.0.2.7", 5000),
        "server": ("127.0.0.1", 8000),
        "headers": [
            (b"host", b"example.org"),
            (b"referer", b"https://example.org/"),
            (b"user-agent", b"probe/1.0"),
            (b"accept", b"a"),
            (b"accept", b"b"),
        ],
    }
    fields: dict[str, Any] = {
        "status": 200,
        "headers": [(b"Content-Type", b"text/plain")] if headers is None else headers,
        "sent": 512,
        "received": 7,
        "duration": 1.2345678,
        "reason": "",
    }
    return RequestRecord(scope={**base, **(scope or {})}, **{**fields, **changes})


def line(text: str, record: RequestRecord | None = None) -> str:
    return compile_format(text)(record or make_record())


@pytest.mark.parametrize(
    ("atom", "value"),
    [
        ("h", "192.0.2.7"),
        ("l", "-"),
        ("u", "-"),
        ("r", "GET /a%20b?x=1 HTTP/1.1"),
        ("R", "GET /a%20b?x=1 HTTP/1.1"),
        ("m", "GET"),
        ("U", "/a b"),
        ("Uq", "/a%20b?x=1"),
        ("q", "x=1"),
        ("H", "HTTP/1.1"),
        ("S", "https"),
        ("s", "200"),
        ("st", "OK"),
        ("b", "512"),
        ("B", "512"),
        ("I", "7"),
        ("f", "https://example.org/"),
        ("a", "probe/1.0"),
        ("T", "1"),
        ("M", "1234"),
        ("D", "1234567"),
        ("L", "1.234568"),
        ("x", "-"),
        ("{Host}i", "example.org"),
        ("{accept}i", "a, b"),
        ("{missing}i", "-"),
        ("{content-type}o", "text/plain"),
        ("{missing}o", "-"),
    ],
)
def test_atoms(atom: str, value: str) -> None:
    assert line(f"<%({atom})s>") == f"<{value}>"


def test_the_process_and_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "eu\nwest")
    monkeypatch.delenv("NOWHERE", raising=False)
    assert line("%(p)s") == f"<{os.getpid()}>"
    assert line("%({REGION}e)s %({NOWHERE}e)s") == r"eu\x0awest -"


def test_what_is_missing_is_a_dash() -> None:
    record = make_record(
        {
            "client": None,
            "headers": [],
            "query_string": b"",
            "path": "",
            "raw_path": b"",
            "method": "",
        },
        status=None,
        sent=0,
        headers=[],
    )
    assert (
        line("%(h)s %(s)s %(st)s %(b)s %(B)s %(q)s %(U)s %(f)s %(a)s", record)
        == "- - - - 0 - - - -"
    )


def test_an_unknown_status_has_no_phrase() -> None:
    assert line("%(s)s %(st)s", make_record(status=599)) == "599 -"


def test_the_reason_of_an_end() -> None:
    assert line("%(x)s", make_record(reason="client-gone")) == "client-gone"


@pytest.mark.parametrize(
    ("version", "method"), [("1.1", "GET"), ("2", "CONNECT"), ("3", "CONNECT")]
)
def test_a_websocket_has_the_method_of_its_handshake(version: str, method: str) -> None:
    record = make_record(
        {"type": "websocket", "http_version": version, "scheme": "wss"}, status=101
    )
    del record.scope["method"]
    assert line("%(r)s", record) == f"{method} /a%20b?x=1 HTTP/{version}"


def test_a_path_without_its_raw_form_is_encoded_again() -> None:
    assert line("%(r)s", make_record({"raw_path": None, "path": "/é\n"})).startswith(
        "GET /%C3%A9%0A?"
    )


@pytest.mark.parametrize(
    ("credentials", "user"),
    [
        (b"Basic " + base64.b64encode(b"ann:secret"), "ann"),
        (b"bAsIc " + base64.b64encode(b"a\nb:secret"), r"a\x0ab"),
        (b"Basic " + base64.b64encode(b":secret"), "-"),
        (b"Basic " + base64.b64encode(b"no colon"), "-"),
        (b"Basic !!!", "-"),
        (b"Basic ", "-"),
        (b"Bearer token", "-"),
    ],
)
def test_the_user_of_basic_authentication(credentials: bytes, user: str) -> None:
    assert line("%(u)s", make_record({"headers": [(b"authorization", credentials)]})) == user


def test_presets(india: None) -> None:
    common = line("common")
    head, _, tail = common.partition("] ")
    assert head.startswith("192.0.2.7 - - [")
    assert head.endswith(" +0530")
    assert tail == '"GET /a%20b?x=1 HTTP/1.1" 200 512'
    assert line("combined").endswith(f'{tail} "https://example.org/" "probe/1.0"')


def test_times_tell_their_zone(india: None) -> None:
    assert common_time(WALL) == "[06/Nov/1994:14:19:37 +0530]"
    assert iso_time(WALL) == "1994-11-06T14:19:37+05:30"


def test_the_time_is_that_of_the_requests_beginning() -> None:
    before = time.time() - 7200
    text = line("%(t)s", make_record(duration=7200.0))
    assert text in {common_time(before + offset) for offset in (0, 1, 2)}


def test_json_is_one_object_a_line() -> None:
    entry = json.loads(line("json"))
    assert entry.pop("time").startswith("20")
    assert entry == {
        "client": "192.0.2.7",
        "user": None,
        "method": "GET",
        "target": "/a%20b?x=1",
        "scheme": "https",
        "version": "1.1",
        "status": 200,
        "sent": 512,
        "received": 7,
        "duration": 1.234568,
        "referer": "https://example.org/",
        "user_agent": "probe/1.0",
        "reason": None,
    }


def test_percent_signs() -> None:
    assert line("100%% %(s)s") == "100% 200"


def test_a_line_break_in_a_format_is_a_space() -> None:
    assert line("%(s)s\r\n%(m)s\n") == "200 GET "


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("%(zz)s", "no atom %(zz)s"),
        ("%({x}z)s", "no atom"),
        ("%({}i)s", "no atom"),
        ("%({ü}i)s", "no atom"),
        ("%(s)d", "percent sign"),
        ("%s %(s)s", "percent sign"),
        ("%", "percent sign"),
        ("combind", "presets"),
        ("", "presets"),
    ],
)
def test_other_formats_are_configuration_errors(text: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compile_format(text)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


# Escapes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("plain text?", "plain text?"),
        ('a"b', r"a\"b"),
        ("a\\b", r"a\\b"),
        ("a\nb\x1b[31m", r"a\x0ab\x1b[31m"),
        ("\x7f", r"\x7f"),
        ("é", r"\xc3\xa9"),
        ("\u2028", r"\xe2\x80\xa8"),
        ("\ud800", r"\xed\xa0\x80"),
    ],
)
def test_values_are_escaped(value: str, escaped: str) -> None:
    assert escape(value) == escaped


def is_safe(text: str) -> bool:
    unescaped = text.replace("\\\\", "").replace('\\"', "")
    return text.isascii() and text.isprintable() and '"' not in unescaped


@given(st.text())
def test_no_text_escapes_its_quotes_or_line(value: str) -> None:
    assert is_safe(escape(value))


@given(st.binary())
def test_no_bytes_escape_their_quotes_or_line(value: bytes) -> None:
    assert is_safe(escape_bytes(value))


EVIL = "\n\r\0\x1b[2J\"\\\x85\u2028é'"


@pytest.mark.parametrize(
    "text", ["common", "combined", "json", "%(U)s %(q)s %(m)s %(h)s %(S)s %(x)s %({x}o)s"]
)
def test_whatever_a_client_sends_is_one_line_of_printable_ascii(text: str) -> None:
    raw = EVIL.encode()
    record = make_record(
        {
            "method": EVIL,
            "path": EVIL,
            "raw_path": raw,
            "query_string": raw,
            "client": (EVIL, 1),
            "scheme": EVIL,
            "http_version": "1.1",
            "headers": [
                (b"referer", raw),
                (b"user-agent", raw),
                (b"authorization", b"Basic " + base64.b64encode(raw + b":x")),
            ],
        },
        headers=[(b"x", raw)],
        reason=EVIL,
    )
    written = line(text, record)
    assert written.isascii()
    assert written.isprintable()
    if text == "json":
        assert json.loads(written)["method"] == EVIL
    if text == "combined":
        assert written.replace("\\\\", "").replace('\\"', "").count('"') == 6


def test_lines_are_made_without_surprises_for_a_refused_request() -> None:
    scope: dict[str, Any] = {
        "type": "http", "client": None, "server": None, "headers": [], "method": "", "path": "",
    }  # fmt: skip
    record = RequestRecord(
        scope=scope, status=400, headers=[], sent=0, received=0, duration=0.0, reason="bad-host"
    )
    for text in ("common", "combined", "json", "%(r)s %(Uq)s %(S)s %(x)s"):
        write: Callable[[RequestRecord], str] = compile_format(text)
        assert write(record)
