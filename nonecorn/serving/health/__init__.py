"""`health_bind`: is it alive, is it ready, how much has it to do.

    request.py     reads a request, as strictly as any other and in 8 KiB at most
    response.py    writes a response
    answer.py      which: /livez, /readyz, /metrics
    facts.py       what it is about
    metrics.py     … in Prometheus' words
    connection.py  one connection on a worker's event loop
    service.py     all of them, where there is no supervisor

All but the last two know neither sockets nor loops: a server with workers answers from its
supervisor (`nonecorn.supervisor.health`), which can say that a worker hangs, and the others from
their own event loop, whose silence says it.
"""
