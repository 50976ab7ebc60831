"""TLS without I/O: the same layer on every runtime.

`TLSLayer` is the protocol of a raw port and hands plain bytes to the protocol that ALPN chose,
which sees a `TLSPort` instead. OpenSSL works between two memory buffers: what the raw port delivers
is put into one, and what OpenSSL wants to send is taken from the other at once, so neither holds
more than one delivery or one write.

A connection passes through these phases. Each direction ends by itself (RFC 8446 section 6.1):

    hello        where there are several certificates: OpenSSL waits until it is known whose
                 the client asks for
    handshake    `inner` is None; `deadline` is the handshake's
    established  `inner` is served; `deadline` is its own
    ended        the peer sent close_notify, or just hung up; whatever follows is ignored
    finished     we sent close_notify: `write` does nothing any more
    closed       the raw port was told to close; only `connection_lost` may follow

For whoever edits this: OpenSSL's errors stop here, since a peer can cause each of them; and what a
peer sends must not make us buffer without bound: see `_HANDSHAKE_SIZE` and `_UNREAD_CONTROL`.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
from typing import TYPE_CHECKING

from nonecorn.builtin.tls.client_hello import ClientHello
from nonecorn.builtin.tls.info import tls_info
from nonecorn.builtin.tls.port import TLSPort
from nonecorn.spi import NEVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nonecorn.builtin.tls.server import ServerTLS
    from nonecorn.spi import Context, Port, Protocol

_RECORD = 16384
"""Most plaintext bytes that one record, and so one read, can give (RFC 8446 section 5.1)."""

_SLICE = 262144
"""Bytes encrypted at a time: keeps OpenSSL's buffer, which never shrinks, small."""

_HANDSHAKE_SIZE = 262144
"""Bytes a peer may send before it is served. OpenSSL bounds a hello to 128 KiB, and a certificate
chain to 100 KiB, but not what stands between them."""

_UNREAD_CONTROL = 16384
"""Bytes of answers to control messages, such as KeyUpdate, for a peer that reads nothing."""

_PLAIN_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n"
    b"content-length: 28\r\n\r\nThis port is served by TLS.\n"
)

_FAILURES = (OSError, ValueError)
"""What an SSLObject raises: SSLError is an OSError, and CertificateError a ValueError too."""


class TLSLayer:
    """The protocol of a raw port, and what stands behind the port of the one above it.

    Args:
        port: The raw connection.
        context: The listener's; says which protocol serves which ALPN id.
        tls: Certificates and rules.

    Attributes:
        inner: The protocol above; None until the handshake is done.
    """

    __slots__ = (
        "_choosing", "_closed", "_context", "_credential", "_credentials", "_deadline", "_ended",
        "_eof_due", "_error", "_finished", "_held", "_hello", "_incoming", "_outgoing", "_paused",
        "_port", "_received", "_session", "_stalled", "_unread", "inner",
    )  # fmt: skip

    def __init__(self, port: Port, context: Context, tls: ServerTLS) -> None:
        self._port = port
        self._context = context
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._credentials = tls.credentials  # the connection stays with these, come what may
        self._credential = self._credentials.default
        self._choosing = not self._credentials.only
        self._session = self._new_session()
        self.inner: Protocol | None = None
        timeout = tls.handshake_timeout
        self.deadline = port.runtime.clock.now + timeout if timeout else NEVER
        self._hello = ClientHello()
        self._received = 0  # bytes, during the handshake
        self._unread = 0  # control bytes written while the raw port was stalled
        self._held = b""  # plaintext that was decrypted while reading was paused
        self._paused = False  # the inner protocol wants no bytes
        self._stalled = False  # the raw port wants none
        self._eof_due = False  # the peer has ended its direction while reading was paused
        self._ended = False
        self._finished = False
        self._closed = False
        self._error: Exception | None = None

    # The raw port's protocol ----------------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """The inner protocol's, or the handshake's."""
        return self._deadline if self.inner is None else self.inner.deadline

    @deadline.setter
    def deadline(self, when: float) -> None:
        self._deadline = when

    def data_received(self, data: bytes) -> None:
        """Ciphertext arrived."""
        if self._ended or self._closed:
            return
        self._incoming.write(data)
        if self.inner is None:
            self._handshake(data)
        elif not self._paused:
            self._read()

    def eof_received(self) -> bool | None:
        """The peer hung up. Without close_notify before it, that is a plain end all the same."""
        if self._closed:
            return None
        if self.inner is None:
            self._debug("hung up during the handshake")
            return None
        if not self._ended:
            if self._paused:
                self._eof_due = True
            else:
                self._end()
        return not self._closed

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has gone."""
        self._closed = self._ended = self._finished = True
        self.deadline = NEVER
        if self.inner is not None:
            self.inner.connection_lost(exc or self._error)
        # Port, layer and protocol refer to each other, and OpenSSL's memory must not wait for a
        # garbage collector that cannot see how much it is. The flags above guard every use.
        del self._session, self._incoming, self._outgoing

    def pause_writing(self) -> None:
        """The raw port buffers more than its threshold."""
        self._stalled = True
        if self.inner is not None:
            self.inner.pause_writing()

    def resume_writing(self) -> None:
        """The raw port's buffer has drained."""
        self._stalled = False
        self._unread = 0
        if self.inner is not None:
            self.inner.resume_writing()

    def sweep(self) -> None:
        """`deadline` has passed."""
        if self.inner is not None:
            self.inner.sweep()
        else:
            self._debug("took too long for the handshake")
            self.deadline = NEVER
            self.abort()

    def shutdown(self) -> None:
        """Drain: before the handshake is done there is nothing to finish."""
        if self.inner is not None:
            self.inner.shutdown()
        else:
            self.abort()

    # The inner protocol's port --------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Encrypt and send."""
        if self._finished:
            return
        try:
            if len(data) <= _SLICE:
                if data:
                    self._encrypt(data)
            else:
                view = memoryview(data)
                for start in range(0, len(data), _SLICE):
                    self._encrypt(view[start : start + _SLICE])
        except _FAILURES as error:
            self._fail(error)

    def writelines(self, parts: Sequence[bytes]) -> None:
        """Encrypt and send: together, since small pieces would each cost a record."""
        self.write(b"".join(parts))

    def write_eof(self) -> None:
        """Send close_notify, then end the raw direction too; the peer may go on sending."""
        if not self._finished:
            self._farewell()
            self._port.write_eof()

    def close(self) -> None:
        """Send close_notify, and close once all is sent. The peer's own is not waited for."""
        if not self._closed:
            self._closed = True
            if not self._finished:
                self._farewell()
            self._port.close()

    def abort(self) -> None:
        """Close at once, without a word."""
        self._closed = self._finished = True
        self._port.abort()

    def pause_reading(self) -> None:
        """Deliver nothing more: what is not decrypted yet stays so."""
        self._paused = True
        self._port.pause_reading()

    def resume_reading(self) -> None:
        """Deliver what was held back, then more."""
        if self._paused:
            self._paused = False
            if not self._closed and (self._incoming.pending or self._held or self._eof_due):
                self._port.runtime.end_of_tick(self._catch_up)  # not from within this call
            else:
                self._port.resume_reading()

    def describe(self) -> str:
        """The state, for reprs."""
        if self._closed:
            return "closed"
        if self.inner is None:
            return "handshake"
        return f"{'ended' if self._ended else 'open'}/{'finished' if self._finished else 'open'}"

    # Handshake ------------------------------------------------------------------------------------

    def _new_session(self) -> ssl.SSLObject:
        return self._credential.context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def _handshake(self, data: bytes) -> None:
        self._received += len(data)
        if not self._hello.complete:
            self._hello.feed(data)
            if self._choosing and not self._choose():
                return
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            if self._received > _HANDSHAKE_SIZE:
                self._debug("sent too much before the end of the handshake")
                self._refuse()
        except _FAILURES as error:
            self._debug(f"failed the handshake: {_reason(error)}")
            self._flush()  # the alert
            if getattr(error, "reason", None) == "HTTP_REQUEST":
                self._port.write(_PLAIN_HTTP)
            self._refuse()
        else:
            self._establish()

    def _choose(self) -> bool:
        """Take the certificate that the client asks for, once that is known."""
        if not self._hello.complete and self._received <= _HANDSHAKE_SIZE:
            return False
        self._choosing = False
        credential = self._credentials.select(self._hello.server_name)
        if credential is not self._credential:
            # A session of another context, rather than another context for the session: tickets
            # must not lead from one host's certificate to another's.
            self._credential = credential
            self._session = self._new_session()
        return True

    def _establish(self) -> None:
        context = self._context
        try:
            info = tls_info(self._session, self._credential, self._hello.server_name)
        except _FAILURES as error:
            self._debug(f"has a certificate that cannot be read: {_reason(error)}")
            self._refuse()
            return
        port = TLSPort(self._port, self, info)
        self._port.tls = info  # observers know the raw port only
        factory = context.default
        if info.alpn is not None:
            factory = context.alpn.get(info.alpn, factory)
        try:
            inner = factory(context, port)
        except Exception:
            context.log.exception("cannot serve %s", port)
            self.abort()
            return
        port.set_protocol(inner)
        if self._stalled:
            inner.pause_writing()
        self._flush()  # what is left of the handshake, if the protocol has written nothing
        if self._incoming.pending and not self._paused:
            self._read()

    def _refuse(self) -> None:
        """Close a connection that never came to be served."""
        self._closed = self._finished = True
        timeout = self._context.limits.close_timeout
        self.deadline = self._port.runtime.clock.now + timeout if timeout else NEVER
        self._port.close()

    # Reading --------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Decrypt everything there is and deliver it in one piece."""
        inner = self.inner
        if inner is None:
            return
        data, failure = self._decrypt()
        if self._held:
            data, self._held = self._held + data, b""
        if data:
            inner.data_received(data)
        if failure is None or self._closed:
            return
        if isinstance(failure, ssl.SSLZeroReturnError):
            if self._paused:
                self._eof_due = True
            else:
                self._end()
        else:
            self._fail(failure)

    def _decrypt(self) -> tuple[bytes, Exception | None]:
        """All plaintext there is, and why no more will follow, if so."""
        incoming, read = self._incoming, self._session.read
        chunks: list[bytes] = []
        failure: Exception | None = None
        try:
            while incoming.pending:
                chunk = read(_RECORD)
                if not chunk:
                    failure = ssl.SSLZeroReturnError("close_notify")
                    break
                chunks.append(chunk)
        except ssl.SSLWantReadError:
            pass
        except _FAILURES as error:
            failure = error
        if self._outgoing.pending:
            self._flush_control()
        return (chunks[0] if len(chunks) == 1 else b"".join(chunks)), failure

    def _catch_up(self) -> None:
        """Go on after `resume_reading`."""
        if self._may_deliver():
            self._read()
            if self._may_deliver():
                if self._eof_due:
                    self._end()
                self._port.resume_reading()

    def _may_deliver(self) -> bool:
        return not (self._paused or self._closed)

    def _end(self) -> None:
        """The peer sends no more: close, unless the inner protocol wants to go on."""
        self._ended = True
        self._eof_due = False
        if self.inner is not None and not self.inner.eof_received():
            self.close()

    # Writing --------------------------------------------------------------------------------------

    def _encrypt(self, data: bytes | memoryview) -> None:
        sent = self._session.write(data)
        while sent < len(data):
            sent += self._session.write(data[sent:])
        self._port.write(self._outgoing.read())

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._port.write(self._outgoing.read())

    def _flush_control(self) -> None:
        """Send what OpenSSL answers by itself, unless we may send nothing, or it is never read."""
        data = self._outgoing.read()
        if self._finished:
            return
        if self._stalled:
            self._unread += len(data)
            if self._unread > _UNREAD_CONTROL:
                self._debug("reads nothing and asks for more")
                self.abort()
                return
        self._port.write(data)

    def _farewell(self) -> None:
        """Send close_notify."""
        if self._incoming.pending and not self._closed:
            # SSL_shutdown would trip over data that nobody has read.
            data, failure = self._decrypt()
            self._held += data
            self._eof_due = self._eof_due or failure is not None
        self._finished = True
        with contextlib.suppress(*_FAILURES):  # it wants the peer's close_notify, which can wait
            self._session.unwrap()
        self._flush()

    # Failure --------------------------------------------------------------------------------------

    def _fail(self, error: Exception) -> None:
        """The peer broke the protocol: send OpenSSL's alert and close."""
        self._debug(f"broke TLS: {_reason(error)}")
        self._error = error
        self._flush()
        self._closed = self._finished = True
        self._port.close()

    def _debug(self, event: str) -> None:
        log = self._context.log
        if log.isEnabledFor(logging.DEBUG):
            log.debug("TLS: the peer %s %s", self._port.client, event)

    def __repr__(self) -> str:
        return f"<TLSLayer {self.describe()} inner={self.inner!r}>"


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else str(error)
