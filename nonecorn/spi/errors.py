"""The one tree of errors.

    NonecornError
    ├─ ConfigError(problems)                     exit 2
    ├─ PluginError(plugin, distribution)         exit 3
    │  PluginNotFoundError | PluginLoadError | PluginConflictError | ApiMismatchError | BadSpecError
    ├─ StartupError                              exit 3
    │  BindError | LifespanError | AppLoadError | CertificateError
    ├─ ProtocolError
    │  LocalProtocolError | RemoteProtocolError(status)
    └─ ClientDisconnectedError (also an OSError)

Foreign exceptions are mapped to these at the boundary where they arise. A message says what went
wrong, where, and what to do; it is one line, fit to be shown without a traceback.
"""

from __future__ import annotations

from collections.abc import Sequence


class NonecornError(Exception):
    """Base of every error that nonecorn raises on purpose.

    Attributes:
        exit_code: What the command exits with when this error ends it.
    """

    exit_code = 1


class ConfigError(NonecornError):
    """The configuration cannot be used: every problem found, one line each."""

    exit_code = 2

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class PluginError(NonecornError):
    """A plugin is missing, broken, or in conflict with another.

    Attributes:
        plugin: The entry-point name, or empty where none is known.
        distribution: Distribution and version (`nonecorn-h3 1.0.0`), or empty.
    """

    exit_code = 3

    def __init__(self, message: str, *, plugin: str = "", distribution: str = "") -> None:
        self.plugin = plugin
        self.distribution = distribution
        super().__init__(message)


class PluginNotFoundError(PluginError):
    """A required plugin is not installed."""


class PluginLoadError(PluginError):
    """A descriptor, or what it refers to, cannot be imported, or one of its hooks raised."""


class PluginConflictError(PluginError):
    """Two plugins claim one name, table, flag or ALPN id."""


class ApiMismatchError(PluginError):
    """A plugin was written for another version of the plugin API."""


class BadSpecError(PluginError):
    """A descriptor returned a specification that cannot be used."""


class StartupError(NonecornError):
    """The server cannot start."""

    exit_code = 3


class BindError(StartupError):
    """An address cannot be bound."""


class LifespanError(StartupError):
    """The application's lifespan start-up failed, or took too long."""


class AppLoadError(StartupError):
    """The application cannot be imported."""


class CertificateError(StartupError):
    """A certificate, key or CA file cannot be used."""


class ProtocolError(NonecornError):
    """A peer or an application broke the rules of a protocol."""


class LocalProtocolError(ProtocolError):
    """The application did: an invalid header, a message out of turn, a body of the wrong length."""


class RemoteProtocolError(ProtocolError):
    """The peer did.

    Attributes:
        status: HTTP status code that says so best.
        reason: A short word for the log, such as `bad-host`.
    """

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(f"{status} {reason}")


class ClientDisconnectedError(NonecornError, OSError):
    """Raised out of an application's `send()` once its client has gone (ASGI HTTP 2.4)."""
