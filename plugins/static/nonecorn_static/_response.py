"""What a request for a file is answered: in the order of RFC 9110 section 13.2."""

from __future__ import annotations

import os
import time

from nonecorn.spi import Headers, Runtime, Scope, Send, choose_coding
from nonecorn_static._conditions import evaluate, fields_of, range_applies
from nonecorn_static._files import File, Variant
from nonecorn_static._ranges import Range, parse_ranges
from nonecorn_static._sending import OpenedVariant, send_file


async def respond(runtime: Runtime, scope: Scope, send: Send, file: File) -> None:
    """Answer GET or HEAD.

    Raises:
        ChangedError: The file has changed, and nothing was sent.
    """
    fields = fields_of(scope["headers"])
    coding = choose_coding(fields.get(b"accept-encoding", b""), file.codings)
    variant = file.variants[coding]
    status = evaluate(fields, variant.tag, variant.modified)
    if status != 200:
        await send_empty(send, status, variant.headers)
        return
    wanted = fields.get(b"range")
    if (
        wanted is not None
        and scope["method"] == "GET"  # section 14.2: no other method knows ranges
        and range_applies(fields, variant.tag, variant.modified, time.time())
    ):
        ranges = parse_ranges(wanted, variant.size)
        if ranges is not None:
            await _respond_in_part(runtime, scope, send, file, variant, ranges)
            return
    length = (b"content-length", b"%d" % variant.size)
    headers = [*variant.headers, *variant.described, length]
    await _send_body(runtime, scope, send, 200, headers, variant, [(0, variant.size)])


async def send_empty(send: Send, status: int, headers: Headers) -> None:
    """A response without content."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": b""})


async def _respond_in_part(
    runtime: Runtime, scope: Scope, send: Send, file: File, variant: Variant, ranges: list[Range]
) -> None:
    size = variant.size
    if not ranges:
        unsatisfied = [(b"content-range", b"bytes */%d" % size), (b"content-length", b"0")]
        await send_empty(send, 416, [*variant.headers, *unsatisfied])
        return
    headers = [*variant.headers, *variant.described]
    if len(ranges) == 1:
        [(start, stop)] = ranges
        headers.append((b"content-range", content_range(start, stop, size)))
        headers.append((b"content-length", b"%d" % (stop - start)))
        await _send_body(runtime, scope, send, 206, headers, variant, ranges)
        return
    boundary = os.urandom(15).hex().encode("ascii")
    frames = [
        b"%b--%b\r\ncontent-type: %b\r\ncontent-range: %b\r\n\r\n"
        % (b"\r\n" if index else b"", boundary, file.kind, content_range(start, stop, size))
        for index, (start, stop) in enumerate(ranges)
    ]
    frames.append(b"\r\n--%b--\r\n" % boundary)
    length = sum(map(len, frames)) + sum(stop - start for start, stop in ranges)
    headers = [each for each in headers if each[0] != b"content-type"]
    headers.append((b"content-type", b"multipart/byteranges; boundary=" + boundary))
    headers.append((b"content-length", b"%d" % length))
    await _send_body(runtime, scope, send, 206, headers, variant, ranges, frames)


def content_range(start: int, stop: int, size: int) -> bytes:
    """Value of `Content-Range` (RFC 9110 section 14.4)."""
    return b"bytes %d-%d/%d" % (start, stop - 1, size)


async def _send_body(
    runtime: Runtime,
    scope: Scope,
    send: Send,
    status: int,
    headers: Headers,
    variant: Variant,
    ranges: list[Range],
    frames: list[bytes] | None = None,
) -> None:
    """Send the head, and the content where it is wanted."""
    start = {"type": "http.response.start", "status": status, "headers": headers}
    content = variant.content
    if scope["method"] == "HEAD" or not variant.size:
        await send(start)
        await send({"type": "http.response.body", "body": b""})
    elif content is not None:
        parts = [content[begin:stop] for begin, stop in ranges]  # all of it is not copied
        if frames:
            pairs = zip(frames, [*parts, b""], strict=True)
            parts = [piece for pair in pairs for piece in pair]
        await send(start)
        await send({"type": "http.response.body", "body": b"".join(parts)})
    elif (
        not frames
        and status == 200
        and "http.response.pathsend" in scope.get("extensions", {})
        and "http.response.zerocopysend" not in scope["extensions"]
    ):
        await send(start)
        await send({"type": "http.response.pathsend", "path": variant.path})
    else:
        opened = OpenedVariant(variant)
        try:
            file = await runtime.run_in_thread(opened.open)
            await send(start)
            await send_file(runtime, scope, send, file, ranges, frames or ())
        finally:
            opened.close()
