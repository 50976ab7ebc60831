"""The rules a request must obey (RFC 9113 section 8), with this protocol's errors.

They are those of HTTP/3, too, and stand in `nonecorn.spi.messages.request`. What is malformed is a
`StreamFault` here (section 8.1.1).
"""

from __future__ import annotations

from nonecorn.spi import Headers, Limits
from nonecorn.spi.messages import request
from nonecorn.spi.messages.request import Head, MalformedError, TooMuchError
from nonecorn_h2._errors import ErrorCode, StreamFault


def read_head(fields: Headers, limits: Limits, *, connect_protocol: bool) -> Head:
    """See `nonecorn.spi.messages.request.read_head`.

    Raises:
        StreamFault: It is malformed.
        RemoteProtocolError: It is not served.
    """
    try:
        return request.read_head(fields, limits, connect_protocol=connect_protocol)
    except MalformedError as error:
        raise _fault(error) from error


def read_trailers(fields: Headers, limits: Limits) -> Headers:
    """See `nonecorn.spi.messages.request.read_trailers`.

    Raises:
        StreamFault: It is malformed, or too long.
    """
    try:
        return request.read_trailers(fields, limits)
    except MalformedError as error:
        raise _fault(error) from error


def _fault(error: MalformedError) -> StreamFault:
    much = isinstance(error, TooMuchError)
    code = ErrorCode.ENHANCE_YOUR_CALM if much else ErrorCode.PROTOCOL_ERROR
    return StreamFault(code, error.reason)


__all__ = ["Head", "read_head", "read_trailers"]
