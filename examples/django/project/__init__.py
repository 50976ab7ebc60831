"""A Django project, as small as one can be that is served over ASGI."""
