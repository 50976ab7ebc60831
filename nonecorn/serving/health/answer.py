"""From a request and the facts to a response.

    /livez    200 while a restart would not help
    /readyz   200 while requests are welcome
    /metrics  Prometheus' text format

The first two say so in a line, and with `?verbose` in JSON with all that is known.
"""

from __future__ import annotations

import json

from nonecorn.serving.health import metrics
from nonecorn.serving.health.facts import Facts
from nonecorn.serving.health.request import RefusedError, Request
from nonecorn.serving.health.response import response

_METHODS = ("GET", "HEAD")
_PATHS = ("/livez", "/readyz", "/metrics")


def answer(request: Request, facts: Facts) -> bytes:
    """The response to a request."""
    head = request.method == "HEAD"
    if request.path not in _PATHS:
        return response(404, f"there are {', '.join(_PATHS)}\n", head=head)
    if request.method not in _METHODS:
        return response(405, "GET and HEAD are answered\n", allow=", ".join(_METHODS))
    if request.path == "/metrics":
        return response(200, metrics.render(facts), kind=metrics.KIND, head=head)
    trouble = facts.not_live if request.path == "/livez" else facts.not_ready
    status = 503 if trouble else 200
    if "verbose" in request.query.split("&"):
        return response(status, _details(facts, trouble), kind="application/json", head=head)
    good = "live" if request.path == "/livez" else "ready"
    return response(status, f"not {good}: {trouble}\n" if trouble else f"{good}\n", head=head)


def refusal(error: RefusedError) -> bytes:
    """The response to what is no request."""
    return response(error.status, f"{error.reason}\n")


def _details(facts: Facts, trouble: str) -> str:
    workers = [
        {
            "worker": worker.number,
            "process": worker.process,
            "state": worker.state,
            "silent": round(worker.silent, 3),
            "connections": worker.load.connections,
            "requests": worker.load.requests - worker.load.waiting,
            "waiting": worker.load.waiting,
        }
        for worker in sorted(facts.workers, key=lambda worker: (worker.number, worker.process))
    ]
    details = {
        "status": "unavailable" if trouble else "ok",
        "reason": trouble,
        **{name: getattr(facts, name) for name in ("state", "draining", "restarts", "runtime")},
        "workers": workers,
    }
    return json.dumps(details, indent=2) + "\n"
