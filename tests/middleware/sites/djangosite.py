"""Django, as ASGI and as WSGI application."""

from __future__ import annotations

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path, reverse

settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="none", USE_TZ=True, LOGGING_CONFIG=None
)


def hello(request, name):
    return JsonResponse(
        {
            "url": request.build_absolute_uri(),
            "page": request.build_absolute_uri(reverse("hello", args=["you"])),
            "root": request.META.get("SCRIPT_NAME") or request.path.removesuffix(request.path_info),
        }
    )


urlpatterns = [path("hello/<name>", hello, name="hello")]

asgi = get_asgi_application()
wsgi = get_wsgi_application()
