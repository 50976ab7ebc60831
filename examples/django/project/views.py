"""Views: a plain one, which Django runs on a thread, and three asynchronous ones."""

from collections.abc import AsyncIterator, Iterator

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

PAGE = """<!doctype html>
<title>Django on nonecorn</title>
<h1>It serves.</h1>
<p id="script">The script did not run.</p>
<script>document.getElementById("script").textContent = "The script ran.";</script>
"""


def home(request: HttpRequest) -> HttpResponse:
    """A page."""
    return HttpResponse(PAGE)


async def hello(request: HttpRequest, name: str) -> JsonResponse:
    """JSON from the path."""
    return JsonResponse({"hello": name})


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Ten lines, one by one, by whichever kind of iterator the handler takes piece by piece."""

    def lines() -> Iterator[str]:
        for number in range(1, 11):
            yield f"piece {number} of 10\n"

    async def lines_awaited() -> AsyncIterator[str]:
        for line in lines():
            yield line

    pieces = lines_awaited() if isinstance(request, ASGIRequest) else lines()
    return StreamingHttpResponse(pieces, content_type="text/plain")


@csrf_exempt
async def echo(request: HttpRequest) -> HttpResponse:
    """The request's body."""
    return HttpResponse(request.body, content_type="application/octet-stream")
