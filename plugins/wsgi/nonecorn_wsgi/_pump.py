"""Does on the loop what the thread of a request asks for, in the order in which it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nonecorn.spi import ClientDisconnectedError, Message, Receive, Send
from nonecorn_wsgi._handoff import DONE, END, MARK, READ, Handoff

if TYPE_CHECKING:
    from nonecorn_wsgi._loop import Loop


class Pump:
    """One request's.

    Args:
        handoff: From the thread.
        receive: ASGI's receive.
        send: ASGI's send.

    Attributes:
        handoff: As given.
        client_gone: A call said that the client has disconnected.
        failure: What a `send` raised for any other reason.
    """

    __slots__ = ("_receive", "_send", "client_gone", "failure", "handoff")

    def __init__(self, handoff: Handoff, receive: Receive, send: Send) -> None:
        self.handoff = handoff
        self._receive = receive
        self._send = send
        self.client_gone = False
        self.failure: BaseException | None = None

    def __repr__(self) -> str:
        return f"<Pump {self.handoff!r}>"

    async def run(self, loop: Loop) -> None:
        """Return when the thread is done."""
        handoff = self.handoff
        outbox = handoff.outbox
        while True:
            while outbox:
                operation = outbox.popleft()
                if operation.__class__ is bytes:
                    await self._send_body(operation)
                elif operation is DONE:
                    return
                elif operation is END:
                    await self._try({"type": "http.response.body", "body": b""})
                elif operation is MARK:
                    handoff.release()
                elif operation is READ:
                    await self._read()
                else:
                    await self._try(operation)
            # Whatever is put from here on has this waiter set, since that happens on this thread.
            waiter = handoff.waiter = loop.waiter()
            await waiter.wait()

    async def _send_body(self, data: bytes) -> None:
        """Send bytes, with those that follow them."""
        outbox = self.handoff.outbox
        if outbox and outbox[0].__class__ is bytes:
            parts = [data]
            while outbox and outbox[0].__class__ is bytes:
                parts.append(outbox.popleft())
            data = b"".join(parts)
        more = True
        if outbox and outbox[0] is END:
            outbox.popleft()
            more = False
        await self._try({"type": "http.response.body", "body": data, "more_body": more})

    async def _read(self) -> None:
        handoff = self.handoff
        try:
            if not handoff.gone:
                message = handoff.received = await self._receive()
                if message["type"] == "http.disconnect":
                    handoff.gone = self.client_gone = True
        finally:
            handoff.release()  # also where this task is cancelled

    async def _try(self, message: Message) -> None:
        """Send a message, unless nothing arrives any more."""
        handoff = self.handoff
        if handoff.gone:
            return
        try:
            await self._send(message)
        except OSError as error:
            # ASGI HTTP 2.4: the client has gone. Or a file could not be read.
            handoff.gone = True
            if message["type"].endswith("send") and not isinstance(error, ClientDisconnectedError):
                self.failure = error
            else:
                self.client_gone = True
        except Exception as error:  # noqa: BLE001  # raised once the thread has left
            handoff.gone = True
            self.failure = error
