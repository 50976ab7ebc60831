"""What an entry `use = "health"` may hold."""

from __future__ import annotations

from dataclasses import dataclass

from nonecorn.spi import BadSpecError, Ref, Unit, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthOptions:
    """Options of the middleware."""

    live: str = setting("/healthz", help="Path that says that the worker is alive; empty for none.")
    ready: str = setting("/readyz", help="Path that says whether requests are welcome.")
    check: str = setting("", help="Function that readiness depends on: module:attribute.")
    check_timeout: float = setting(
        2.0, help="Time for it to answer.", unit=Unit.SECONDS, minimum=0.001
    )
    check_cache: float = setting(
        2.0, help="Time for which its answer holds.", unit=Unit.SECONDS, minimum=0
    )
    log: bool = setting(False, help="Have these requests in the access log.")

    def __post_init__(self) -> None:
        for name in ("live", "ready"):
            path = getattr(self, name)
            if path and not path.startswith("/"):
                message = f"{name} = {path!r} is no path: it begins with no slash"
                raise ValueError(message)
        if self.live == self.ready:
            message = (
                f"live and ready are both {self.live!r}"
                if self.live
                else "there is nothing to answer: give live, ready, or both"
            )
            raise ValueError(message)
        if self.check:
            try:
                Ref[object](self.check)
            except BadSpecError as error:
                message = f"check = {error}"
                raise ValueError(message) from None
