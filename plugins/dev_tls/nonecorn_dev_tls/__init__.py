"""TLS in development: a CA of this machine's own, and what it signs."""
