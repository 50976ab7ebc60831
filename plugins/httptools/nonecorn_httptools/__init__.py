"""HTTP/1.1 with heads parsed by httptools (llhttp)."""
