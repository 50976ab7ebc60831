"""Which fields a request may have, and what the application sees of them (RFC 9113 section 8)."""

from __future__ import annotations

import json

import pytest

from tests.h2 import frames as f
from tests.h2.cases.outcome import malformed

AUTHORITY = (b":authority", b"test")


def fields(*more, method=b"GET", scheme=b"http", path=b"/scope", authority=b"test"):
    """Fields of a request for its own scope; None leaves a pseudo-header field out."""
    pseudo = [(b":method", method), (b":scheme", scheme), (b":path", path)]
    if authority is not None:
        pseudo.append((b":authority", authority))
    return [*(each for each in pseudo if each[1] is not None), *more]


def scope_of(server, made) -> dict:
    with server.connect() as client:
        response = client.start().ask(made)
        assert response.status == 200, client
        return json.loads(response.data)


SHOWN = {
    "the authority is the first host": (
        fields((b"x-a", b"1")),
        [["host", "test"], ["x-a", "1"]],
    ),
    "a host that agrees is there once": (
        fields((b"x-a", b"1"), (b"host", b"test")),
        [["host", "test"], ["x-a", "1"]],
    ),
    "a host that differs in case agrees": (
        fields((b"host", b"TEST")),
        [["host", "test"]],
    ),
    "a host alone": (fields((b"host", b"other:81"), authority=None), [["host", "other:81"]]),
    "an authority of IPv6 with a port": (
        fields(authority=b"[::1]:8000"),
        [["host", "[::1]:8000"]],
    ),
    "crumbs of a cookie are one field": (
        fields((b"cookie", b"a=1"), (b"x-a", b"1"), (b"cookie", b"b=2"), (b"cookie", b"c=3")),
        [["host", "test"], ["cookie", "a=1; b=2; c=3"], ["x-a", "1"]],
    ),
    "a field that repeats stays so": (
        fields((b"x-a", b"1"), (b"x-b", b""), (b"x-a", b"2")),
        [["host", "test"], ["x-a", "1"], ["x-b", ""], ["x-a", "2"]],
    ),
    "bytes beyond ASCII": (
        fields((b"x-a", b"\xe4\xff")),
        [["host", "test"], ["x-a", "\xe4\xff"]],
    ),
    "trailers are wanted": (fields((b"te", b"trailers")), [["host", "test"], ["te", "trailers"]]),
    "a body of no bytes": (
        fields((b"content-length", b"0")),
        [["host", "test"], ["content-length", "0"]],
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_the_application_sees(server, name):
    made, expected = SHOWN[name]
    assert scope_of(server, made)["headers"] == expected


MALFORMED = {
    "a host that differs": fields((b"host", b"other")),
    "two hosts": fields((b"host", b"test"), (b"host", b"test"), authority=None),
    "two hosts beside an authority": fields((b"host", b"test"), (b"host", b"test")),
    "an authority with a user": fields(authority=b"user@test"),
    "an authority with a path": fields(authority=b"test/path"),
    "an authority with a space": fields(authority=b"te st"),
    "an empty authority": fields(authority=b""),
    "no authority and no host": fields(authority=None),
    "an empty host": fields((b"host", b""), authority=None),
    "a host of two": fields((b"host", b"a, b"), authority=None),
    "a name with an upper case letter": fields((b"x-A", b"1")),
    "an empty name": fields((b"", b"1")),
    "a name with a space": fields((b"x a", b"1")),
    "a name with a colon": fields((b"x:a", b"1")),
    "a name with CR LF": fields((b"x\r\ny", b"1")),
    "a name with NUL": fields((b"x\0", b"1")),
    "a name beyond ASCII": fields((b"x\xe4", b"1")),
    "a value with LF": fields((b"x-a", b"1\nx-b: 2")),
    "a value with CR": fields((b"x-a", b"1\r")),
    "a value with NUL": fields((b"x-a", b"1\0")),
    "a value that begins with a space": fields((b"x-a", b" 1")),
    "a value that ends with a tab": fields((b"x-a", b"1\t")),
    "CR LF in the path": fields(path=b"/ HTTP/1.1\r\nx: y"),
    "a space in the path": fields(path=b"/a b"),
    "a fragment in the path": fields(path=b"/a#b"),
    "a path without a slash": fields(path=b"scope"),
    "a path in absolute form": fields(path=b"http://test/scope"),
    "an asterisk for GET": fields(path=b"*"),
    "a method with a space": fields(method=b"GE T"),
    "an empty method": fields(method=b""),
    "an empty scheme": fields(scheme=b""),
    "a scheme that is none": fields(scheme=b"ht tp"),
    "CONNECT with a path": fields(method=b"CONNECT"),
    "CONNECT without an authority": fields(
        method=b"CONNECT", scheme=None, path=None, authority=None
    ),
    "a protocol without CONNECT": [(b":protocol", b"websocket"), *fields()],
    "connection": fields((b"connection", b"close")),
    "keep-alive": fields((b"keep-alive", b"1")),
    "proxy-connection": fields((b"proxy-connection", b"close")),
    "transfer-encoding": fields((b"transfer-encoding", b"chunked")),
    "upgrade": fields((b"upgrade", b"h2c")),
    "http2-settings is nobody's business, connection is": fields(
        (b"connection", b"http2-settings"), (b"http2-settings", b"AAMAAABk")
    ),
    "te: gzip": fields((b"te", b"gzip")),
    "a length that is no number": fields((b"content-length", b"1x")),
    "a negative length": fields((b"content-length", b"-1")),
    "two lengths": fields((b"content-length", b"0"), (b"content-length", b"1")),
    "a list of lengths": fields((b"content-length", b"0, 0")),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_refused(server, name):
    """The stream ends, nothing reaches the application, and others of the connection go on."""
    with server.connect() as client:
        client.start()
        client.send(f.headers(1, MALFORMED[name]))
        malformed()(client)
        assert not client.goaways, "a malformed request is a stream error (section 8.1.1)"
        client.next_stream = 3
        assert client.ask().data == b"hello"


def test_a_refused_request_leaves_the_table_of_both_as_it_was(server):
    """RFC 9113 section 4.3: a block that is not served is decoded all the same."""
    with server.connect() as client:
        client.start()
        bad = f.literal_indexed(b"x-first", b"one") + f.block([(b"X-BAD", b"1")])
        client.send(f.headers(1, f.block(fields()) + bad))
        client.wait(lambda: client[1].done)
        client.send(f.headers(3, f.block(fields()) + f.indexed(62)))
        found = json.loads(client.response(3).data)["headers"]
    assert found == [["host", "test"], ["x-first", "one"]]


def test_a_client_without_a_table_gets_none(server):
    """SETTINGS_HEADER_TABLE_SIZE of 0 holds for the server's encoder (RFC 7541 section 4.2)."""
    with server.connect() as client:
        client.start((f.HEADER_TABLE_SIZE, 0))
        client._decoder.max_allowed_table_size = 0
        for _ in range(5):
            response = client.ask(f.request(b"/fields?3"))
            assert response.values(b"x-2") == [b"v" * 1000]


def test_a_client_with_a_small_frame_gets_its_fields_in_pieces(server):
    with server.connect() as client:
        client.start()
        assert len(client.ask(f.request(b"/fields?100")).fields) > 100
        assert all(len(each.payload) <= 16384 for each in client.log)
        assert f.CONTINUATION in [each.type for each in client.log]


PATHS = {
    b"/scope?": (b"", "/scope", "/scope"),
    b"/scope?a=1?b": (b"a=1?b", "/scope", "/scope"),
    b"/scope%2F..%2f": None,
    b"//scope": None,
    b"/%73cope": (b"", "/scope", "/%73cope"),
}


@pytest.mark.parametrize("path", PATHS, ids=bytes.decode)
def test_forms_of_the_path(server, path):
    expected = PATHS[path]
    with server.connect() as client:
        response = client.start().ask(fields(path=path))
    if expected is None:
        assert response.status == 404, "the path is passed on as it is"
        return
    found = json.loads(response.data)
    query, decoded, raw = expected
    assert (found["query_string"], found["path"], found["raw_path"]) == (
        repr(query), decoded, repr(raw.encode())
    )  # fmt: skip


def test_options_asterisk(server):
    with server.connect() as client:
        response = client.start().ask(fields(method=b"OPTIONS", path=b"*"))
    assert response.status == 404  # of the application


def test_connect_to_elsewhere_is_not_served(server):
    """An origin server has no tunnels to offer (RFC 9110 section 9.3.6)."""
    with server.connect() as client:
        made = fields(method=b"CONNECT", scheme=None, path=None, authority=b"elsewhere:443")
        response = client.start().ask(made, None)
        assert response.status in (400, 405, 501)
        assert client.ask().data == b"hello"


def test_the_scheme_of_the_scope_is_the_connections(server):
    """Not what the client says of it."""
    assert scope_of(server, fields(scheme=b"https"))["scheme"] == "http"


def test_expect_100_continue(server):
    with server.connect() as client:
        client.start()
        made = fields((b"expect", b"100-continue"), method=b"POST", path=b"/digest")
        stream = client.open(made, end=False)
        client.wait(lambda: client[stream].interim)
        assert dict(client[stream].interim[0]) == {b":status": b"100"}
        client.upload(stream, b"body")
        assert json.loads(client.response(stream).data)["size"] == 4


def test_request_trailers_reach_the_application(server):
    with server.connect() as client:
        client.start()
        stream = client.open(f.request(b"/request-trailers", method=b"POST"), end=False)
        client.send(f.data(stream, b"body"))
        client.send(f.headers(stream, [(b"x-sum", b"42"), (b"x-more", b"yes")]))
        assert json.loads(client.response(stream).data) == [["x-sum", "42"], ["x-more", "yes"]]


BAD_TRAILERS = {
    "upper case": [(b"X-Sum", b"1")],
    "a pseudo-header field": [(b":path", b"/")],
    "connection-specific": [(b"connection", b"close")],
    "LF in a value": [(b"x-sum", b"1\n2")],
}


@pytest.mark.parametrize("name", BAD_TRAILERS)
def test_request_trailers_obey_the_same_rules(server, name):
    with server.connect() as client:
        client.start()
        stream = client.open(f.request(b"/request-trailers", method=b"POST"), end=False)
        client.send(f.data(stream, b"body"), f.headers(stream, BAD_TRAILERS[name]))
        malformed(stream)(client)
        assert client.ask().data == b"hello"


def test_a_body_longer_than_its_length_ends_the_stream_at_once(server):
    with server.connect() as client:
        client.start()
        made = f.request(b"/digest", (b"content-length", b"3"), method=b"POST")
        stream = client.open(made, end=False)
        client.send(f.data(stream, b"four"))
        malformed(stream)(client)


def test_interim_responses_and_trailers_have_their_frames(server):
    with server.connect() as client:
        client.start()
        hinted = client.ask(f.request(b"/hints"))
        assert [dict(each) for each in hinted.interim] == [
            {b":status": b"103", b"link": b"</a.css>; rel=preload"},
            {b":status": b"103", b"link": b"</b.js>; rel=preload"},
        ]
        assert hinted.data == b"hinted"
        trailed = client.ask(f.request(b"/trailers", (b"te", b"trailers")))
        assert trailed.data == b"body"
        assert trailed.trailers == [(b"x-sum", b"42")]
        assert trailed.end_frame == f.HEADERS


def test_the_end_of_the_body_is_in_its_last_frame(server):
    """No empty DATA frame after it, whatever the application's messages were."""
    with server.connect() as client:
        client.start()
        for path in (b"/", b"/whole?100000", b"/download?200000", b"/file?pathsend"):
            response = client.ask(f.request(path))
            assert response.end_frame == f.DATA, path
            assert 0 not in response.pieces, path
        assert client.ask(f.request(b"/whole?0")).end_frame in (f.HEADERS, f.DATA)
        head = client.ask(f.request(method=b"HEAD"))
        assert (head.end_frame, bytes(head.data)) == (f.HEADERS, b"")


def test_an_application_that_fails(server):
    with server.connect() as client:
        client.start()
        assert client.ask(f.request(b"/crash")).status == 500
        late = client.ask(f.request(b"/crash-late"))
        assert late.reset == f.INTERNAL_ERROR
        assert not late.ended
        assert client.ask(f.request(b"/bad-field")).status == 500
        assert client.ask().data == b"hello"


def test_a_response_before_the_end_of_the_request(server):
    """Section 8.1: NO_ERROR says that the rest of the body is not wanted."""
    with server.connect() as client:
        client.start()
        stream = client.open(f.request(b"/", method=b"POST"), end=False)
        client.wait(lambda: client[stream].ended)
        assert client[stream].data == b"hello"
        client.wait(lambda: client[stream].reset is not None)
        assert client[stream].reset == f.NO_ERROR
        client.send(f.data(stream, b"late", end=True))
        assert client.ask().data == b"hello"


def test_push_is_off_by_default(server):
    with server.connect() as client:
        client.start((f.ENABLE_PUSH, 1))
        assert client.ask(f.request(b"/push")).data == b"no"
        assert not client.promised
