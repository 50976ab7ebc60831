"""Is what an application raised the news that its client has gone?

`send()` raises `ClientDisconnectedError` then. On its way out of the application it may have
been collected by task groups, or been answered by an error of a framework's own.
"""

from __future__ import annotations

from nonecorn.spi.errors import ClientDisconnectedError


def is_disconnect(error: BaseException) -> bool:
    """It is that error, alone or as all that a group holds."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_disconnect, error.exceptions))
    return isinstance(error, ClientDisconnectedError)


def follows_disconnect(error: BaseException) -> bool:
    """It was raised because of that error, or while it was handled."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(follows_disconnect, error.exceptions))
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if is_disconnect(cause):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False
