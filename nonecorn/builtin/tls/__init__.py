"""TLS between a port and a protocol: certificates, and one layer for every runtime."""
