"""Measures nonecorn beside its peers: `python -m bench` from the repository's root.

One run starts every server, checks that each answers correctly, and then measures them in turn,
round after round, so that whatever else the machine does falls on all alike.

    __main__.py    the command
    campaign.py    rounds: each server in turn
    scenarios.py   what is measured; idle.py and startup.py measure what is not under load
    load.py        wrk; h2load.py: the HTTP/2 client; drain.py: the client that downloads
    echo.py        the WebSocket client
    probe.py       is the answer right? probe2.py: over HTTP/2
    servers.py     which servers, and how each is started; app.py: what they serve
    fleet.py       running servers: start, ready, stop; lab.py: one fleet at a time
    proc.py        CPU and memory of a process tree, from /proc
    system.py      pinning, priority, limits, the machine's facts
    results.py     medians, best values, ratios; targets.py: what is to be reached
    table.py       Markdown; report.py: JSON

`docs/howto/benchmark.md` says how to read the result and how far to trust it.
"""
