"""WebSocket plugin of nonecorn."""
