"""nonecorn: a plugin-based server for ASGI and WSGI applications."""
