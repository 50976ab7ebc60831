"""HTTP/3 (RFC 9114) over any `QuicPort`; `H3Connection` is where to begin."""
