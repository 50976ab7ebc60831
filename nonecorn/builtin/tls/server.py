"""What the TLS connections of a worker share, for as long as it lives."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from nonecorn.builtin.tls.credentials import Credentials, TLSAdjuster, concerns, load
from nonecorn.builtin.tls.files import Fingerprint, fingerprint
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import NonecornError, TLSConfig


class ServerTLS:
    """The present certificates, and how to get at the next ones. A `nonecorn.spi.TLSSource`.

    Args:
        settings: The server's own table; `certfile` must be set.
        alpn: ALPN ids to offer, preferred ones first.
        adjust: Has the last word on each context.

    Raises:
        CertificateError: A file is missing or unusable.
        ConfigError: Settings contradict each other, or OpenSSL does not know what one names.

    Attributes:
        credentials: For new handshakes.
        handshake_timeout: Seconds for a handshake; 0 for no limit.
        reload_interval: Seconds between two looks at the files; 0 for never.
    """

    __slots__ = (
        "_adjust", "_alpn", "_log", "_refused", "_secret", "_settings", "_warned", "credentials",
        "handshake_timeout", "reload_interval",
    )  # fmt: skip

    def __init__(
        self,
        settings: ServerSettings,
        alpn: Sequence[bytes],
        adjust: TLSAdjuster | None = None,
    ) -> None:
        self._settings = settings
        self._alpn = tuple(alpn)
        self._adjust = adjust
        self._log = logging.getLogger("nonecorn.error")
        self._refused: tuple[Fingerprint, bool] | None = None
        self._secret = b""
        self._warned: set[str] = set()
        self.handshake_timeout = settings.tls_handshake_timeout
        self.reload_interval = settings.tls_reload_interval
        self.credentials: Credentials = load(settings, alpn, adjust)
        self._warn()

    @property
    def config(self) -> TLSConfig:
        """In the form that other transports take; another object after a change."""
        return self.credentials.config

    def refresh(self, *, asked: bool = False) -> bool:
        """Look at the files, and take new certificates if they are good.

        What cannot be used is refused and the present certificates stay; the log has one line
        about it. Whoever replaces a certificate and then its key is between the two for a moment:
        files are refused only when they have been the same twice.

        May be called in any thread, and in one at a time.

        Args:
            asked: A person wants to know: what is wrong is said at once, and each time.

        Returns:
            Whether there are new certificates.
        """
        found = fingerprint(self._settings)
        if found == self.credentials.seen:
            self._refused = None
            self._warn()
            return False
        if self._refused == (found, True) and not asked:
            self._warn()
            return False
        try:
            fresh = load(self._settings, self._alpn, self._adjust)
        except NonecornError as error:
            told = asked or (self._refused is not None and self._refused[0] == found)
            self._refused = (found, told)
            if told:
                self._log.error("the changed TLS files are refused, the old ones stay: %s", error)
            return False
        self._refused = None
        while True:
            secret = self._secret
            if secret:
                fresh.share_tickets(secret)
            self.credentials = fresh
            if secret is self._secret:  # it may be another by now: see `share_tickets`
                break
        self._log.info("TLS files have changed: new connections use them")
        self._warn()
        return True

    def share_tickets(self, secret: bytes) -> None:
        """From now on, let clients resume the sessions that other workers with this secret began.

        Where Python's OpenSSL cannot be told so, sessions are resumed in this process only.

        Args:
            secret: 32 random bytes.
        """
        self._secret = secret
        reason = self.credentials.share_tickets(secret)
        if reason:
            self._log.debug("TLS session tickets stay with this worker: %s", reason)

    def _warn(self) -> None:
        for concern in concerns(self.config, time.time()):
            if concern not in self._warned:
                self._warned.add(concern)
                self._log.warning("%s", concern)

    def __repr__(self) -> str:
        files = " ".join(certificate.file for certificate in self.config.certificates)
        return f"<ServerTLS {files} verify={self.config.verify_mode}>"
