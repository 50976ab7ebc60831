"""Serve an application that needs asyncio, as Django's handler does, on a trio worker too.

On asyncio and uvloop the application is called as it is. On trio it runs in an asyncio loop of
its own, on one thread per process; its `receive` and `send` cross over to the trio task that
serves the request, which waits for it and cancels it when the worker says so.
"""

import asyncio
import concurrent.futures
import functools
import threading


def on_asyncio(app):
    """Wrap an ASGI application; the wrapper may be called on asyncio and on trio."""

    async def serve(scope, receive, send):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            await _cross(app, scope, receive, send)
        else:
            await app(scope, receive, send)

    return serve


@functools.cache
def _loop():
    """The loop on its thread, begun with the first request."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="asyncio", daemon=True).start()
    return loop


async def _cross(app, scope, receive, send):
    """Run one request in the loop, and its `receive` and `send` here."""
    import trio  # noqa: PLC0415  # whoever calls this runs on it

    loop, token = _loop(), trio.lowlevel.current_trio_token()
    finished = trio.Event()

    async def fulfil(answer, function, *arguments):
        try:
            result, error = await function(*arguments), None
        except Exception as caught:  # noqa: BLE001  # raised again, on the other side
            result, error = None, caught
        loop.call_soon_threadsafe(_settle, answer, result, error)

    async with trio.open_nursery() as nursery:

        def start(answer, function, *arguments):
            if running.done():  # the nursery may be closed by now
                loop.call_soon_threadsafe(answer.cancel)
            else:
                nursery.start_soon(fulfil, answer, function, *arguments)

        def there(function):
            async def call(*arguments):
                answer = loop.create_future()
                token.run_sync_soon(start, answer, function, *arguments)
                return await answer

            return call

        running = asyncio.run_coroutine_threadsafe(app(scope, there(receive), there(send)), loop)
        running.add_done_callback(lambda _: token.run_sync_soon(finished.set))
        try:
            await finished.wait()
        finally:
            running.cancel()
            nursery.cancel_scope.cancel()
    if running.cancelled():
        raise concurrent.futures.CancelledError
    running.result()


def _settle(answer, result, error):
    """Answer a call, unless the application has stopped waiting for it."""
    if answer.done():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
