"""ASGI 3 and ASGI 2 application interfaces."""
