"""Running a plan: sockets bound, one worker hosted, requests served and drained."""

from nonecorn.serving.api import run, serve, serve_plan
from nonecorn.serving.bindings import Binding, Bindings
from nonecorn.serving.host import Host

__all__ = ["Binding", "Bindings", "Host", "run", "serve", "serve_plan"]
