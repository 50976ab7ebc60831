"""What supervisor and worker tell each other: small values, as JSON.

The supervisor may be root and a worker is not to be trusted with that: nothing that it sends is
unpickled, and a message that is not one of these, field by field, ends the conversation.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, TypeAlias

from nonecorn.serving.load import Load

_TEXT = 8192
"""Most characters of a text that is sent."""
_PROSE = ("message", "reason")


# From the supervisor ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire:
    """Others serve from now on: end when your clients have been served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unready:
    """The server is going to end, and serves on for a while: let the application know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End; said again: without waiting for what is left. As SIGTERM to a server without workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopen:
    """Log files were moved away: open them anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Does your event loop turn?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """Accept from further sockets: who they belong to does not, for now.

    Attributes:
        handles: `SocketHandle`s as JSON; their descriptors come with the frame.
    """

    handles: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Accept from these no more: who they belong to does again.

    Attributes:
        lane: Whose they are.
    """

    lane: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tickets:
    """Make the keys of TLS session tickets from this, from now on.

    Attributes:
        secret: In hexadecimal.
    """

    secret: str = dataclasses.field(repr=False)


# From a worker ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Lifespan start-up is complete, and connections are accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The worker ends with an error.

    Attributes:
        code: What it exits with.
        message: One line.
    """

    code: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retiring:
    """The worker had better be replaced, and serves until it is."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong(Load):
    """It turns, and this is what it has to do. An answer to `Ping`, said once more at the end."""


Message: TypeAlias = (
    Retire
    | Unready
    | Stop
    | Reopen
    | Ping
    | Adopt
    | Release
    | Tickets
    | Ready
    | Failed
    | Retiring
    | Pong
)

_KINDS: dict[str, type[Message]] = {
    kind.__name__.lower(): kind
    for kind in (
        Retire,
        Unready,
        Stop,
        Reopen,
        Ping,
        Adopt,
        Release,
        Tickets,
        Ready,
        Failed,
        Retiring,
        Pong,
    )
}
_TYPES: dict[str, type] = {"int": int, "str": str}


def encode(message: Message) -> bytes:
    """A message as it is sent; what is meant to be read is cut if it is very long."""
    fields = {
        name: value[:_TEXT] if name in _PROSE else value
        for name, value in dataclasses.asdict(message).items()
    }
    text = json.dumps({"kind": type(message).__name__.lower(), **fields}, ensure_ascii=False)
    return text.encode(errors="surrogatepass")


def decode(data: bytes) -> Message:
    """Undo `encode`.

    Raises:
        ValueError: This is no message.
    """
    try:
        value: Any = json.loads(data)
    except RecursionError:
        message = "a message is not that deep"
        raise ValueError(message) from None
    if not isinstance(value, dict):
        message = "a message is an object"
        raise ValueError(message)  # noqa: TRY004  # one error for whatever is wrong
    kind = _KINDS.get(str(value.pop("kind", "")))
    if kind is None:
        message = "a message of no kind"
        raise ValueError(message)
    wanted = {field.name: _TYPES[str(field.type)] for field in dataclasses.fields(kind)}
    if value.keys() != wanted.keys():
        message = f"{kind.__name__} with the fields {sorted(value)}"
        raise ValueError(message)
    for name, expected in wanted.items():
        if type(value[name]) is not expected:
            message = f"{kind.__name__}.{name} is {value[name]!r}"
            raise ValueError(message)
    return kind(**value)
