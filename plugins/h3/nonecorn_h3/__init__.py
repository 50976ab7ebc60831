"""QUIC and HTTP/3 for nonecorn."""
