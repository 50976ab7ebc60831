"""The engine on aioquic: the one place that knows it.

aioquic keeps packet protection, the packet number spaces, loss detection, congestion control, paths
and the TLS handshake. `_connection` is its `QuicConnection` with what a server needs and a library
for both sides does not have: connection IDs and reset tokens that it is given, streams that keep to
what their reader has taken (`_streams`, `_receiving`), sending in the order of priorities without
looking at streams that have nothing to send (`_sending`, `_queue`), certificates by SNI, verified
client certificates and session tickets without memory (`_tls`, `_tickets`).

Methods with an underscore of a library are no contract. Which are relied upon is listed in
`_guard`, and a test compares them with the aioquic that is installed.
"""
