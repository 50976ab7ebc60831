"""The table of raw HTTP/1.1 requests and their required outcomes; `case` says what a row is."""

from __future__ import annotations

from tests.http1.cases import chunks, connection, fields, framing, request_line
from tests.http1.cases.case import SMUGGLED, Case, Seen

CASES: tuple[Case, ...] = (
    *request_line.METHODS,
    *request_line.VERSIONS,
    *request_line.LINES,
    *request_line.TARGETS,
    *fields.NAMES_AND_VALUES,
    *fields.HOST,
    *fields.SIZES,
    *framing.LENGTH,
    *framing.CODING,
    *framing.SIZES,
    *chunks.SIZES,
    *chunks.LINES,
    *chunks.EXTENSIONS,
    *chunks.TRAILERS,
    *connection.KEEP_ALIVE,
    *connection.PIPELINING,
    *connection.EXPECT,
    *connection.UPGRADE,
    *connection.UNREAD,
    *connection.ENDS,
    *connection.DEADLINES,
)

__all__ = ["CASES", "SMUGGLED", "Case", "Seen"]
