"""The HTTP stream: ASGI HTTP 2.5 over any exchange."""
