"""The application: `nonecorn serve --app-dir examples/django project.asgi`."""

import os

from django.core.asgi import get_asgi_application

from project.bridge import on_asyncio

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

application = on_asyncio(get_asgi_application())
