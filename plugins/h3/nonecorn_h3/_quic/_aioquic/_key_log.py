"""Secrets of connections, for who looks at captured packets, in NSS's format.

The file is opened for each line: there are four to a connection, other workers and OpenSSL write to
it too, and nobody has to see to its end.
"""

from __future__ import annotations

from pathlib import Path


class KeyLog:
    """As much of a text file as aioquic wants.

    Args:
        path: Who has made the configuration has seen to it that it can be written.
    """

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"<KeyLog {self._path}>"

    def write(self, line: str) -> None:
        """Append."""
        with Path(self._path).open("a", encoding="ascii") as file:
            file.write(line)

    def flush(self) -> None:
        """It is written."""
