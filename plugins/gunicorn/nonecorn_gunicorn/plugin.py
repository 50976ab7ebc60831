"""Descriptor: nothing, but in a process that is a worker of Gunicorn's."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from nonecorn.spi import MiddlewareSpec, ObserverSpec, Ref, hookimpl

PLUGIN_API = 1

FORWARDED = "gunicorn_forwarded"


def _worker() -> Any:
    """The worker that this process is; None in other servers, where it is not imported."""
    module = sys.modules.get("nonecorn_gunicorn._current")
    return None if module is None else module.current()


@hookimpl
def nonecorn_configure(draft: Any) -> None:
    """Gunicorn's settings, where nobody has chosen nonecorn's own."""
    worker = _worker()
    if worker is None:
        return
    from nonecorn_gunicorn._translate import give_defaults, translate  # noqa: PLC0415

    give_defaults(draft, translate(worker.cfg))
    layers = draft.get("", "middleware")
    told = worker.cfg.forwarded_allow_ips and worker.cfg.secure_scheme_headers
    if told and not {layer["use"] for layer in layers} & {FORWARDED, "proxy_fix"}:
        draft.set("", "middleware", [{"use": FORWARDED}, *map(dict, layers)])


@hookimpl
def nonecorn_validate(config: Any) -> Iterator[str]:
    """Addresses that every worker would have to bind for itself."""
    if _worker() is None:
        return
    server = config.tables[""]
    for name, instead in (
        ("health_bind", "the plugin health answers on Gunicorn's own addresses"),
        ("quic_bind", "HTTP/3 needs 'nonecorn serve'"),
    ):
        if getattr(server, name):
            where = f"{name} ({config.origin('', name)})"
            yield f"{where}: Gunicorn's workers share no address of that kind: {instead}"


@hookimpl
def nonecorn_middleware() -> Sequence[MiddlewareSpec]:
    """The scheme that a proxy tells."""
    return [
        MiddlewareSpec(
            name=FORWARDED,
            middleware=Ref("nonecorn_gunicorn._forwarded:make"),
            help="Gunicorn's forwarded_allow_ips and secure_scheme_headers.",
        )
    ]


@hookimpl
def nonecorn_observers() -> Sequence[ObserverSpec]:
    """Gunicorn's count of requests, its access log and its hooks around requests."""
    if _worker() is None:
        return []
    return [
        ObserverSpec(name=f"gunicorn_{name}", observer=Ref(f"nonecorn_gunicorn._observers:{name}"))
        for name in ("count", "requests")
    ]
