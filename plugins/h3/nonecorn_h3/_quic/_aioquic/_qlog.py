"""One qlog file per connection, written as it goes: aioquic would keep all events in memory.

The format is qlog's streaming one: JSON text sequences (RFC 7464), a record for the head and one
for each event.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from aioquic.quic.logger import QuicLogger, QuicLoggerTrace

from nonecorn.spi import ConfigError

_RECORD = "\x1e"
_COMPLETES = frozenset({"datagrams_received", "packet_received", "packet_sent"})
"""Events that say that the one before them is complete."""


class QlogTrace(QuicLoggerTrace):
    """Events of one connection."""

    def __init__(self, *, is_client: bool, odcid: bytes, file: IO[str]) -> None:
        super().__init__(is_client=is_client, odcid=odcid)
        self._file = file
        self._write(
            {
                "qlog_format": "JSON-SEQ",
                "qlog_version": "0.3",
                "trace": {
                    "common_fields": {"ODCID": odcid.hex()},
                    "vantage_point": {"type": "server"},
                },
            }
        )

    def log_event(self, *, category: str, event: str, data: dict[str, Any]) -> None:
        """Write an event, or rather those before it: frames are added to the event of a received
        packet as they are handled.
        """
        if event in _COMPLETES:
            self._write_all()
        super().log_event(category=category, event=event, data=data)

    def close(self) -> None:
        """There are no more. Idempotent."""
        self._write_all()
        self._file.close()

    def _write_all(self) -> None:
        while self._events and not self._file.closed:
            self._write(self._events.popleft())

    def _write(self, record: Any) -> None:
        self._file.write(_RECORD + json.dumps(record, default=str) + "\n")


class QlogDirectory(QuicLogger):
    """Where the files go.

    Raises:
        ConfigError: There is no such directory.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        if not Path(path).is_dir():
            message = f"h3.qlog: {path} is no directory: make it, writable for the server"
            raise ConfigError(message)
        self._path = path

    def start_trace(self, is_client: bool, odcid: bytes) -> QlogTrace:
        """A connection begins."""
        file = (Path(self._path) / f"{odcid.hex()}.sqlog").open("w", encoding="utf-8")
        return QlogTrace(is_client=is_client, odcid=odcid, file=file)

    def end_trace(self, trace: QuicLoggerTrace) -> None:
        """It has ended."""
        if isinstance(trace, QlogTrace):
            trace.close()
