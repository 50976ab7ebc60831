"""The PROXY protocol, versions 1 and 2: who a proxy's connection really comes from.

A layer between a listener and whatever serves its connections, TLS included.
"""
