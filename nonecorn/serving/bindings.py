"""The sockets of a plan: bound before any worker starts, closed after the last has ended.

They belong to the process that bound them. Others get them through `handles`, plain data beside the
descriptors, and make `Bindings` of their own by `inherit` (a worker) or `bind(…, inherited=…)` (the
program that replaces this one).

Workers share a socket, or have one each (`nonecorn.serving.siblings`). Those are opened here too:
a worker that is restarted then finds in its socket's queue the connections that came meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from nonecorn.builtin.sockets import activation
from nonecorn.serving import siblings
from nonecorn.serving.handover import SocketHandle, share
from nonecorn.spi import BindError, BindRequest, Bound, Kind

if TYPE_CHECKING:
    from nonecorn.plan import ListenerPlan, Plan

_TRIES = 16
"""How often the system may choose a port until it is free for all transports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One listening socket and what it is for.

    Attributes:
        bound: The socket.
        listener: What the plan says of it.
        index: The listener's place in the plan.
        worker: Index of the one worker whose socket it is; None where all share it.
        lanes: How many workers have one of these each; 1 where all share it.
        file: Device and inode of the socket file that is ours to remove.
    """

    bound: Bound
    listener: ListenerPlan
    index: int = 0
    worker: int | None = None
    lanes: int = 1
    file: tuple[int, int] | None = None

    @property
    def group(self) -> tuple[int, str]:
        """The same for all sockets that were opened for one address."""
        return self.index, self.bound.display

    @property
    def datagrams(self) -> bool:
        """It carries datagrams."""
        return self.listener.transport.kind is Kind.DATAGRAM

    @property
    def url(self) -> str:
        """The address as a person would open it."""
        scheme = "https" if self.listener.tls else "http"
        display = self.bound.display
        if self.datagrams:
            return f"{scheme}://{display} (QUIC)"
        if display.startswith(("unix:", "fd://")):
            return display
        return f"{scheme}://{display}"


class Bindings:
    """All listening sockets of a server; a context manager that closes them."""

    def __init__(self) -> None:
        self._bindings: list[Binding] = []
        self._backlog = 0

    def __repr__(self) -> str:
        return f"<Bindings {' '.join(self.urls)}>"

    def __iter__(self) -> Iterator[Binding]:
        return iter(self._bindings)

    @property
    def urls(self) -> list[str]:
        """One per address that serves the application, in the order configured."""
        return list(dict.fromkeys(binding.url for binding in self.serving))

    @property
    def serving(self) -> list[Binding]:
        """Those for the application."""
        return [binding for binding in self._bindings if not binding.listener.health]

    @property
    def health(self) -> list[Binding]:
        """Those for whoever asks how the server is; never among a worker's own."""
        return [binding for binding in self._bindings if binding.listener.health]

    # Opening --------------------------------------------------------------------------------------

    def bind(self, plan: Plan, *, workers: int = 0, inherited: Iterable[SocketHandle] = ()) -> None:
        """Open every listener of a plan.

        Args:
            plan: What to listen on.
            workers: How many are to have sockets of their own where they can; 0 where this process
                serves by itself.
            inherited: What a program that this one replaces had open: taken over where the plan
                has the same bind string, and closed otherwise.

        Raises:
            BindError: One cannot be bound; those before it stay open until `close`.
            ConfigError: An address has no form that its transport knows.
        """
        server = plan.server
        self._backlog = server.backlog
        wanted = server.reuse_port
        reuse_port = wanted == "on" or (wanted == "auto" and bool(workers) and siblings.SPREADS)
        left = sorted(inherited, key=lambda handle: handle.listener)
        following: dict[int, list[Bound]] = {}
        for index, listener in enumerate(plan.listeners):
            taken = _taken(left, listener)
            if taken:
                left = [handle for handle in left if handle not in taken]
                for handle in taken:
                    self._add(handle.take(), listener, index, handle.worker, owned=False)
                continue
            request = BindRequest(
                address=listener.address,
                backlog=server.backlog,
                options=server,
                reuse_port=reuse_port and not listener.health,
            )
            if listener.follows is not None and index not in following:
                leading = [each.bound for each in self._bindings if each.index == listener.follows]
                following[index] = self._open_following(listener, request, leading)
            opened = following.get(index) or self._open_together(plan, index, request, following)
            for bound in opened:
                spread = bound.reuse_port and workers and siblings.SPREADS
                self._add(bound, listener, index, 0 if spread else None)
        for handle in left:
            handle.take().sock.close()
        self._finish_activation()
        self.resize(workers)

    def claim(self) -> None:
        """Own the socket files that were inherited: the program that this one replaces has gone,
        or will leave them (`close(keep_files=True)`). Until then a failure here leaves them to it.
        """
        self._bindings = [
            replace(binding, file=_identity(binding.bound.unlink)) for binding in self._bindings
        ]

    @classmethod
    def inherit(cls, plan: Plan, handles: Iterable[SocketHandle]) -> Self:
        """The sockets of one worker, in its own process.

        Raises:
            BindError: One did not come along.
        """
        self = cls()
        self._backlog = plan.server.backlog
        self.take(plan, handles)
        return self

    def take(self, plan: Plan, handles: Iterable[SocketHandle]) -> list[Binding]:
        """Further sockets that this process was given.

        Raises:
            BindError: One did not come along.
        """
        before = len(self._bindings)
        for handle in handles:
            listener = plan.listeners[handle.listener]
            self._add(
                handle.take(),
                listener,
                handle.listener,
                handle.worker,
                lanes=handle.lanes,
                owned=False,
            )
        return self._bindings[before:]

    def drop(self, dropped: Collection[Binding]) -> None:
        """Close some of the sockets; another process still has them."""
        for binding in dropped:
            binding.bound.sock.close()
        gone = set(map(id, dropped))
        self._bindings = [binding for binding in self._bindings if id(binding) not in gone]

    def _open_together(
        self, plan: Plan, index: int, request: BindRequest, following: dict[int, list[Bound]]
    ) -> list[Bound]:
        """Open a listener, and those that are to have its addresses.

        Where the system chooses the port, another transport may have no such port free: it
        chooses again.
        """
        listener = plan.listeners[index]
        followers = [number for number, each in enumerate(plan.listeners) if each.follows == index]
        tries = _TRIES if followers and request.address.endswith(":0") else 1
        while True:
            tries -= 1
            opened = self._open(listener, request)
            made: dict[int, list[Bound]] = {}
            try:
                for number in followers:
                    follower = plan.listeners[number]
                    made[number] = self._open_following(follower, request, opened)
            except BindError:
                for bound in [*opened, *(bound for each in made.values() for bound in each)]:
                    bound.sock.close()
                if not tries:
                    raise
            else:
                following.update(made)
                return opened

    def _open_following(
        self, listener: ListenerPlan, request: BindRequest, leading: Sequence[Bound]
    ) -> list[Bound]:
        """Open a listener at the addresses of another."""
        opened: list[Bound] = []
        try:
            for bound in leading:
                opened += self._open(listener, replace(request, address=bound.display))
        except BaseException:
            for bound in opened:
                bound.sock.close()
            raise
        return opened

    def _open(self, listener: ListenerPlan, request: BindRequest) -> list[Bound]:
        """What a transport makes of a bind string, if it is not ours already."""
        try:
            opened = listener.transport.bind.load()(request)
        except BindError as error:
            for binding in self._bindings:
                if str(error).startswith(f"cannot bind {binding.bound.display}:"):
                    raise self._twice(listener, binding) from error
            raise
        descriptors = {binding.bound.sock.fileno(): binding for binding in self._bindings}
        for bound in opened:
            other = descriptors.get(bound.sock.fileno())
            if other is not None:
                for each in opened:
                    if each.sock.fileno() in descriptors:
                        each.sock.detach()  # `other` closes it
                    else:
                        each.sock.close()
                raise self._twice(listener, other)
        return opened

    def _twice(self, listener: ListenerPlan, other: Binding) -> BindError:
        message = (
            f"{listener.address} and {other.listener.address} both mean {other.bound.display}: "
            "name it once"
        )
        return BindError(message)

    def _add(
        self,
        bound: Bound,
        listener: ListenerPlan,
        index: int,
        worker: int | None = None,
        *,
        lanes: int = 1,
        owned: bool = True,
    ) -> None:
        file = _identity(bound.unlink) if owned else None
        self._bindings.append(
            Binding(
                bound=bound,
                listener=listener,
                index=index,
                worker=worker,
                lanes=lanes,
                file=file,
            )
        )

    def _finish_activation(self) -> None:
        """What systemd passed was for us, if any of it was taken: see to the rest."""
        taken = {binding.bound.sock.fileno() for binding in self._bindings}
        passed = activation.passed()
        if not any(each.descriptor in taken for each in passed):
            return
        activation.forget()
        for each in passed:
            if each.descriptor not in taken:
                with contextlib.suppress(OSError):
                    os.set_inheritable(each.descriptor, False)
                logging.getLogger("nonecorn.error").warning(
                    "systemd has passed a socket that no bind names: systemd:%s", each.name
                )

    # Workers --------------------------------------------------------------------------------------

    def resize(self, workers: int) -> None:
        """Give each of so many workers a socket, where they do not share one.

        Fewer than before: the sockets of those that have gone are closed, and what waited there is
        reset. More: where the system refuses, such as after a change of user, further workers
        share the sockets of the first ones.
        """
        kept: list[Binding] = []
        for binding in self._bindings:
            if binding.worker is None or binding.worker < max(workers, 1):
                kept.append(binding)
            else:
                binding.bound.sock.close()
        self._bindings = kept
        for first in [binding for binding in kept if binding.worker == 0]:
            group = [each for each in kept if each.group == first.group]
            for worker in range(len(group), workers):
                try:
                    sock = siblings.sibling(first.bound.sock, self._backlog)
                except OSError as error:
                    logging.getLogger("nonecorn.error").warning(
                        "worker %d shares a socket of %s: %s", worker, first.bound.display, error
                    )
                    break
                bound = Bound(sock=sock, display=first.bound.display, reuse_port=True)
                self._add(bound, first.listener, first.index, worker)
        sizes = Counter(binding.group for binding in self._bindings)
        self._bindings = [replace(each, lanes=sizes[each.group]) for each in self._bindings]
        self.steer()

    def steer(self) -> None:
        """Have datagrams reach the workers that they are for."""
        groups: dict[tuple[int, str], list[Binding]] = {}
        for binding in self._bindings:
            if binding.datagrams:
                groups.setdefault(binding.group, []).append(binding)
        for group in groups.values():
            transport = group[0].listener.transport
            if transport.steer is not None:
                group.sort(key=lambda binding: binding.worker or 0)
                transport.steer.load()([binding.bound.sock for binding in group])

    def of_worker(self, worker: int) -> list[Binding]:
        """The sockets that one worker serves, in the order configured."""
        sizes = Counter(binding.group for binding in self._bindings)
        chosen = [
            binding
            for binding in self.serving
            if binding.worker is None or binding.worker == worker % sizes[binding.group]
        ]
        return sorted(chosen, key=lambda binding: binding.index)

    def handles(
        self, worker: int | None = None, *, process: int | None = None
    ) -> list[SocketHandle]:
        """The sockets, described for another process.

        Args:
            worker: Which one, by its index; None for the program that replaces this one, which
                gets all of them, and the socket files with them: see `close`.
            process: ID of that process; needed on Windows only.
        """
        heir = worker is None
        chosen = self._bindings if worker is None else self.of_worker(worker)
        return [
            SocketHandle(
                listener=binding.index,
                address=binding.listener.address,
                kind=binding.listener.transport.kind.value,
                display=binding.bound.display,
                worker=binding.worker,
                lanes=binding.lanes,
                reuse_port=binding.bound.reuse_port,
                unlink=binding.bound.unlink if heir else "",
                **share(binding.bound.sock, process),
            )
            for binding in chosen
        ]

    def handles_of_one(self, worker: int, process: int) -> list[SocketHandle]:
        """Those of `handles` that no other worker shares."""
        found = self.handles(worker, process=process)
        return [handle for handle in found if handle.worker is not None]

    def copies(self) -> list[SocketHandle]:
        """The sockets for other `Bindings` of this process, each with a descriptor of its own.

        Raises:
            OSError: There is no room for that many.
        """
        made: list[SocketHandle] = []
        try:
            for handle in self.handles(process=os.getpid()):
                copied = -1 if handle.descriptor == -1 else os.dup(handle.descriptor)
                made.append(replace(handle, descriptor=copied))
        except OSError:
            for handle in made:
                os.close(handle.descriptor)
            raise
        return made

    def yield_to(self, heir: Bindings) -> None:
        """Close, in favour of other `Bindings` of this process: files that these have too are
        theirs from now on, and the rest is removed.
        """
        kept = {binding.bound.unlink for binding in heir}
        self._bindings = [
            replace(binding, file=None) if binding.bound.unlink in kept else binding
            for binding in self._bindings
        ]
        self.close()
        heir.claim()

    # Closing --------------------------------------------------------------------------------------

    def refuse(self) -> None:
        """Close those for the application: new clients are refused. Whoever asks how the server
        is still gets an answer.
        """
        health = self.health
        self._bindings = self.serving
        self.close()
        self._bindings = health

    def close(self, *, keep_files: bool = False) -> None:
        """Close the sockets and remove the socket files. Idempotent.

        Args:
            keep_files: Leave them: another program serves these sockets now.
        """
        for binding in self._bindings:
            path = binding.bound.unlink
            # Another server may have bound the path since: its socket is not ours to remove. Ours
            # goes before it is closed, so that no client finds a file that nobody serves.
            ours = binding.file is not None and binding.file == _identity(path)
            if ours and not keep_files:
                with contextlib.suppress(OSError):
                    Path(path).unlink()
            binding.bound.sock.close()
        self._bindings.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _taken(handles: Sequence[SocketHandle], listener: ListenerPlan) -> list[SocketHandle]:
    """Those of the first listener with this bind string, if there is one."""
    kind = listener.transport.kind.value
    found = [each for each in handles if (each.address, each.kind) == (listener.address, kind)]
    return [each for each in found if each.listener == found[0].listener]


def _identity(path: str) -> tuple[int, int] | None:
    """Which file a path names; None for none."""
    if not path:
        return None
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
