"""Settings: no database, no templates, no static files; the rest is Django's default."""

import os

# For this example only: a real project keeps its key out of its source.
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "example-" * 8)
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
ROOT_URLCONF = "project.urls"
USE_TZ = True
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
