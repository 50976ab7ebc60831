"""libcurl as a client: HTTP/3 by ngtcp2 and nghttp3."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pycurl

PATIENCE = 30
"""Seconds for a whole request."""
_VERSIONS = {2: "1.1", 3: "2", 30: "3"}
_ALTSVC_CTRL = 286
_ALTSVC_ALL = 8 | 16 | 32


@dataclass(slots=True)
class CurlResponse:
    """What curl got.

    Attributes:
        status: Of the final response.
        version: `1.1`, `2` or `3`.
        connects: New connections that it took.
        fields: Of the final response, names in lower case; trailers too.
        interim: Status of each 1xx response.
        links: Values of `Link` in those.
        body: The body, its trailers not.
    """

    status: int = 0
    version: str = ""
    connects: int = 0
    fields: list[tuple[str, str]] = field(default_factory=list)
    interim: list[int] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    body: bytes = b""

    def value(self, name: str) -> str | None:
        return next((value for found, value in self.fields if found == name), None)


class Curl:
    """One easy handle: connections, sessions and what `Alt-Svc` said are kept from one request to
    the next. A context manager.
    """

    def __init__(self, authority: Path, *, version: int = pycurl.CURL_HTTP_VERSION_3ONLY) -> None:
        self.handle = pycurl.Curl()
        self.handle.setopt(pycurl.CAINFO, str(authority))
        self.handle.setopt(pycurl.HTTP_VERSION, version)
        self.handle.setopt(pycurl.NOPROXY, "*")
        self.handle.setopt(pycurl.NOSIGNAL, 1)
        self.handle.setopt(pycurl.TIMEOUT, PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.handle.close()

    def follow_alternatives(self) -> None:
        """Use what `Alt-Svc` says, in the next request."""
        self.handle.setopt(_ALTSVC_CTRL, _ALTSVC_ALL)

    def ask(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        fields: Iterable[str] = (),
        on_data: Callable[[bytes], None] | None = None,
    ) -> CurlResponse:
        """One request.

        Raises:
            pycurl.error: It failed.
        """
        finish = self.prepare(url, method=method, body=body, fields=fields, on_data=on_data)
        self.handle.perform()
        return finish()

    def prepare(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        fields: Iterable[str] = (),
        on_data: Callable[[bytes], None] | None = None,
    ) -> Callable[[], CurlResponse]:
        """Set a request up; what is returned gives the response once it was performed."""
        handle, response, got = self.handle, CurlResponse(), io.BytesIO()
        blocks: list[list[str]] = [[]]

        def on_field(line: bytes) -> None:
            text = line.decode("latin-1").rstrip("\r\n")
            if text.startswith("HTTP/"):
                blocks.append([text])
            elif text:
                blocks[-1].append(text)

        def on_body(data: bytes) -> None:
            got.write(data)
            if on_data is not None:
                on_data(data)

        handle.setopt(pycurl.URL, url)
        handle.setopt(pycurl.HEADERFUNCTION, on_field)
        handle.setopt(pycurl.WRITEFUNCTION, on_body)
        handle.setopt(pycurl.HTTPHEADER, list(fields))
        handle.setopt(pycurl.NOBODY, method == "HEAD")
        if method != "HEAD":
            handle.setopt(pycurl.HTTPGET, 1)
        if body is not None:
            handle.setopt(pycurl.UPLOAD, 1)
            handle.setopt(pycurl.READFUNCTION, io.BytesIO(body).read)
            handle.setopt(pycurl.INFILESIZE, len(body))
        if method not in ("GET", "HEAD"):
            handle.setopt(pycurl.CUSTOMREQUEST, method)
        else:
            handle.unsetopt(pycurl.CUSTOMREQUEST)

        def finish() -> CurlResponse:
            for block in blocks:
                if not block:
                    continue
                status = int(block[0].split()[1])
                pairs = [line.partition(":") for line in block[1:]]
                named = [(name.lower(), value.strip()) for name, _, value in pairs]
                if status < 200:
                    response.interim.append(status)
                    response.links += [value for name, value in named if name == "link"]
                else:
                    response.fields = named
            response.status = handle.getinfo(pycurl.RESPONSE_CODE)
            response.version = _VERSIONS[handle.getinfo(pycurl.INFO_HTTP_VERSION)]
            response.connects = handle.getinfo(pycurl.NUM_CONNECTS)
            response.body = got.getvalue()
            return response

        return finish


def at_once(urls: Iterable[str], authority: Path) -> list[CurlResponse]:
    """Requests on one connection, all at the same time."""
    multi, prepared = pycurl.CurlMulti(), []
    multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
    multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, 1)
    try:
        for url in urls:
            one = Curl(authority)
            one.handle.setopt(pycurl.PIPEWAIT, 1)
            prepared.append((one, one.prepare(url)))
            multi.add_handle(one.handle)
        running = len(prepared)
        while running:
            _, running = multi.perform()
            multi.select(0.1)
        _, _, failed = multi.info_read(len(prepared))
        assert not failed, failed
        return [finish() for _, finish in prepared]
    finally:
        for one, _ in prepared:
            multi.remove_handle(one.handle)
            one.handle.close()
        multi.close()
