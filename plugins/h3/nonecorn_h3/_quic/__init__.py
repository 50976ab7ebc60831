"""The QUIC transport: from the datagrams of a socket to connections, and to the protocol over each.

    datagrams ─► Endpoint ─► EnginePort ─► Engine ─► EnginePort ─► QuicProtocol
                 (whose?)    (one connection)  (RFC 9000)          (HTTP/3, or any other)

`_endpoint` finds the connection of a datagram, and answers what belongs to none. `_port` is the
connection as its protocol sees it. `_engine` is the seam behind which RFC 9000 itself is kept; what
is behind it here is `_aioquic`.
"""
