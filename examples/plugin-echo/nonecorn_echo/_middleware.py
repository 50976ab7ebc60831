"""The middleware: a field in every response."""

from __future__ import annotations

import re
from typing import Any

from nonecorn.spi import AppContext, ASGIApp, ConfigError, Message, Receive, Scope, Send

OPTIONS = ("header", "value")

FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110 section 5.1)."""


def wrap(app: ASGIApp, options: dict[str, Any], _context: AppContext) -> ASGIApp:
    """Wrap an application.

    Args:
        app: The application, or the next layer.
        options: `header`: the field's name, `x-echo` by default. `value`: its value, by default
            the request's path.

    Raises:
        ConfigError: An option is unknown, or is no text that a field may hold.
    """
    name, value = options.get("header", "x-echo"), options.get("value", "")
    problems = [f"middleware echo: unknown option {key!r}" for key in options if key not in OPTIONS]
    if not (isinstance(name, str) and FIELD_NAME.fullmatch(name)):
        problems.append(f"middleware echo: header = {name!r} is no field name")
    if not (isinstance(value, str) and value.isascii() and value.isprintable()):
        problems.append(f"middleware echo: value = {value!r} cannot be in a field")
    if problems:
        raise ConfigError(problems)
    field_name = name.lower().encode()
    fixed = value.encode() if "value" in options else None

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        field = (field_name, scope["raw_path"] if fixed is None else fixed)

        async def send_with_field(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), field]}
            await send(message)

        await app(scope, receive, send_with_field)

    return echo
