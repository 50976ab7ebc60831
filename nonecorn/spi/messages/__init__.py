"""HTTP messages as HTTP/2 and HTTP/3 carry them, for the protocols that do.

HTTP/2 and HTTP/3 have different frames, compression and error codes, and the same messages: pseudo-
header fields, which fields and trailers are malformed, what is answered by a status, how a response
head becomes fields, what an application may send when, how a request begins and is given up, what a
`priority` field says, and what a peer may waste. That is here, once.
Nothing in `nonecorn.spi` imports this package; protocols import its modules by name.
"""
