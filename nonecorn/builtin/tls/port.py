"""The port that a protocol gets behind TLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.builtin.tls.layer import TLSLayer
    from nonecorn.spi import Port, Protocol, Runtime, TLSInfo
    from nonecorn.spi.runtime import Address


class TLSPort:
    """A `nonecorn.spi.Port` of plain bytes on top of one of ciphertext, after the handshake.

    Args:
        raw: The port underneath.
        layer: Who encrypts.
        info: What the handshake settled.
    """

    __slots__ = (
        "_layer", "_raw", "abort", "client", "close", "on_close", "pause_reading", "protocol",
        "resume_reading", "runtime", "server", "tls", "write", "write_eof", "writelines",
        "zero_copy",
    )  # fmt: skip

    def __init__(self, raw: Port, layer: TLSLayer, info: TLSInfo) -> None:
        self._raw = raw
        self._layer = layer
        self.runtime: Runtime = raw.runtime
        self.protocol: Protocol
        self.client = raw.client
        self.server: Address | None = raw.server
        self.tls: TLSInfo | None = info
        self.zero_copy = False
        self.on_close: Callable[[Port], None] | None = None  # the raw port's is the one that counts
        # The layer's own methods, so that a call goes through one frame only.
        self.write: Callable[[bytes], None] = layer.write
        self.writelines = layer.writelines
        self.write_eof = layer.write_eof
        self.close = layer.close
        self.abort = layer.abort
        self.pause_reading = layer.pause_reading
        self.resume_reading = layer.resume_reading

    def set_protocol(self, protocol: Protocol) -> None:
        """Call `protocol` from now on."""
        self.protocol = self._layer.inner = protocol

    def buffered(self) -> int:
        """Encrypted bytes that the kernel has not taken yet."""
        return self._raw.buffered()

    async def sendfile(self, file: int, offset: int, count: int) -> int:
        """Not here: what is sent must be encrypted first."""
        message = f"{self!r} has no sendfile: zero_copy is False"
        raise RuntimeError(message)

    def __repr__(self) -> str:
        return f"<TLSPort {self._layer.describe()} over {self._raw!r}>"
