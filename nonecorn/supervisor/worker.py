"""The worker's process: `python -m nonecorn.supervisor.worker DESCRIPTOR LABEL`.

It is told who it is, takes its sockets, becomes its user, imports the application and serves, in
the order of `nonecorn.serving.serve_plan`. Neither pluggy nor click nor any entry point is looked
at: the Plan says what to import.

Signals are the supervisor's business. A worker that gets SIGTERM by itself asks to be replaced;
what else a terminal or `pkill` sends to all processes at once does nothing here.
"""

from __future__ import annotations

import contextlib
import faulthandler
import pickle
import signal
import socket
import struct
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from nonecorn._output import write_out
from nonecorn.builtin.logs import setup_logging
from nonecorn.serving.application import load_application
from nonecorn.serving.bindings import Bindings
from nonecorn.serving.contexts import app_context, load_tls
from nonecorn.serving.host import EXIT_CLEAN, Host
from nonecorn.serving.imports import importable_from
from nonecorn.serving.last_resort import end_process
from nonecorn.serving.privileges import apply_umask, become, identity_of
from nonecorn.serving.signals import within_import
from nonecorn.spi import AppLoadError, NonecornError
from nonecorn.supervisor.assignment import Assignment
from nonecorn.supervisor.channel import Channel, ChannelClosedError
from nonecorn.supervisor.control import Control
from nonecorn.supervisor.spawn import blocked_at_start

if TYPE_CHECKING:
    from types import FrameType

    from nonecorn.plan import Plan
    from nonecorn.spi import Runtime, Worker

_IGNORED = ("SIGINT", "SIGHUP", "SIGUSR2", "SIGTTIN", "SIGTTOU", "SIGBREAK")


def main() -> NoReturn:
    """Be a worker until the supervisor has no more use for it, and exit."""
    channel = _open_channel(sys.argv[1])
    try:
        assignment, further = _receive(channel)
    except ChannelClosedError:
        sys.exit(1)  # the supervisor has ended meanwhile
    with contextlib.suppress(RuntimeError, AttributeError, OSError, ValueError):
        faulthandler.enable()  # a crash in native code says where
    for name in _IGNORED:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _ignore)
    signal.signal(signal.SIGTERM, _give_up)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked_at_start())
    control = Control(channel, further)
    code = 3
    try:
        code = _work(assignment, control)
    except NonecornError as error:
        if isinstance(error, AppLoadError) and error.__cause__ is not None:
            # The one traceback that is shown is that of the application's own code.
            traceback.print_exception(error.__cause__)
        code = error.exit_code
        control.failed(code, str(error))
    except SystemExit as error:
        if not isinstance(error, _GivenUp):
            control.failed(code, f"the application exited with {error.code!r}")
        else:
            code = EXIT_CLEAN
    except Exception as error:  # noqa: BLE001  # said, and the process ends
        traceback.print_exc()
        control.failed(code, f"{type(error).__name__}: {error}")
    write_out()
    sys.exit(code)


def _work(assignment: Assignment, control: Control) -> int:
    sys.path[:] = assignment.path
    plan: Plan = pickle.loads(assignment.plan)  # noqa: S301  # from the supervisor
    importable_from(plan.server.app_dir)
    setup_logging(plan.server)
    identity = identity_of(plan.server)
    apply_umask(plan.server)
    worker: Worker = plan.worker.worker.load()(plan.settings)
    with Bindings.inherit(plan, assignment.handles) as bindings:
        tls = load_tls(plan)  # keys may be root's alone
        if tls is not None and assignment.tickets:
            tls.share_tickets(assignment.tickets)
        become(identity)
        app = load_application(plan, app_context(plan))
        host = Host(
            plan,
            bindings,
            app,
            tls=tls,
            ready=control.ready,
            retiring=control.retiring,
            stopping=bindings.close,
            place=assignment.place,
        )

        async def serve(runtime: Runtime) -> int:
            runtime.on_signal(signal.SIGTERM, lambda: control.retiring("SIGTERM"))
            if hasattr(signal, "SIGUSR1"):
                runtime.on_signal(signal.SIGUSR1, host.reopen_logs)
            control.attach(runtime, host)
            code, text = 1, ""
            try:
                code = await host.main(runtime)
            except NonecornError as error:
                code, text = error.exit_code, str(error)
                raise
            finally:
                _deafen()
                control.report()
                if code != EXIT_CLEAN:
                    end_process(code, lambda: _tidy(control, bindings, code, text))
            return code

        signal.signal(signal.SIGTERM, _ignore)  # what the runtime puts back
        try:
            return worker.run(serve, debug=plan.server.debug)
        finally:
            # Python puts its own handlers back to the default when it ends, but not this.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _tidy(control: Control, bindings: Bindings, code: int, text: str) -> None:
    if text:
        control.failed(code, text)
    bindings.close()


def _open_channel(descriptor: str) -> Channel:
    if descriptor != "-":
        sock = socket.socket(fileno=int(descriptor))
        sock.set_inheritable(False)
    else:  # Windows: see `spawn`
        (size,) = struct.unpack("!I", sys.stdin.buffer.read(4))
        shared = sys.stdin.buffer.read(size)
        sock = socket.fromshare(shared)  # type: ignore[attr-defined,unused-ignore]
    return Channel(sock, limit=0, takes_descriptors=True)


def _receive(channel: Channel) -> tuple[Assignment, list[bytes]]:
    """The first frame, and those that came with it."""
    channel.sock.setblocking(True)
    frames: list[bytes] = []
    while not frames:
        frames = channel.receive()
    channel.sock.setblocking(False)
    return Assignment.unpack(frames[0]), frames[1:]


def _ignore(_number: int, _frame: object) -> None:
    """A handler, and not SIG_IGN, which processes that the application starts would inherit."""


def _deafen() -> None:
    """All is done: a SIGTERM that is late, as when a whole group gets one, must not look like an
    end by force.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))


class _GivenUp(SystemExit):
    """The supervisor has no more use for a worker that is only starting."""


def _give_up(number: int, frame: FrameType | None) -> None:
    if within_import(frame):
        return  # `Control` asks again
    signal.signal(number, _ignore)  # what cleans up now is not disturbed
    raise _GivenUp(EXIT_CLEAN)


if __name__ == "__main__":
    main()
