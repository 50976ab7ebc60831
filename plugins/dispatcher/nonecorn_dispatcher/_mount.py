"""A place in the server, and the application that answers there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nonecorn.spi.authority import HostNames

if TYPE_CHECKING:
    from nonecorn.spi import ASGIApp


@dataclass(frozen=True, slots=True)
class Mount:
    """One application and where it is mounted.

    Attributes:
        app: An ASGI 3 application.
        path: Percent-decoded prefix of the path, in whole segments; empty for every path.
        host: `shop.example`, or `*.shop.example` for what is below it; empty for every host.
        lifespan: As for `--lifespan`: in `auto` the application may have none.

    Raises:
        ValueError: Path or host cannot be one; or there is neither.
    """

    app: ASGIApp
    path: str = ""
    host: str = ""
    lifespan: Literal["auto", "on", "off"] = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", checked_path(self.path))
        if self.host:
            HostNames([self.host])
        if not self.path and not self.host:
            message = "it has neither a path nor a host: that is the default application's place"
            raise ValueError(message)

    def __str__(self) -> str:
        return f"{self.host}{self.path}"

    def __repr__(self) -> str:
        return f"<Mount {self} of {self.app!r}>"


def checked_path(path: str) -> str:
    """A prefix without the slash that may stand at its end.

    Raises:
        ValueError: No path can begin so.
    """
    prefix = path.removesuffix("/")
    if not prefix:
        return ""
    if not prefix.startswith("/"):
        message = f"path: {path!r} begins with no slash"
        raise ValueError(message)
    if not {"", ".", ".."}.isdisjoint(prefix.split("/")[1:]) or "?" in prefix or "#" in prefix:
        message = f"path: {path!r} is no path of segments"
        raise ValueError(message)
    if "%" in prefix:
        message = f"path: {path!r} is percent-encoded: write it as it reads"
        raise ValueError(message)
    return prefix
