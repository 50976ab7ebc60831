"""HTTP/2 plugin of nonecorn."""
