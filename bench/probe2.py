"""The same question over HTTP/2: does the server answer rightly, before its speed is measured?"""

from __future__ import annotations

import socket
import ssl

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from bench.errors import BenchError
from bench.probe import Request
from bench.servers import HOST, Listen

_TIMEOUT = 20.0
_READ = 65536


def probe_http2(listen: Listen, request: Request) -> None:
    """Send `request` twice on one connection, and check status and body each time.

    Raises:
        BenchError: The answer is not the one that the scenario counts on.
    """
    try:
        with socket.create_connection((HOST, listen.port), timeout=_TIMEOUT) as sock:
            if listen.certificate is None:
                _talk(sock, listen, request)
                return
            context = ssl.create_default_context(cafile=listen.certificate.chain)
            context.set_alpn_protocols(["h2"])
            with context.wrap_socket(sock, server_hostname=HOST) as secure:
                _talk(secure, listen, request)
    except (OSError, h2.exceptions.H2Error) as error:
        what = f"HTTP/2 {request.method} {request.path}"
        raise BenchError(f"{what}: {type(error).__name__}: {error}") from error


def _talk(sock: socket.socket, listen: Listen, request: Request) -> None:
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    for _ in range(2):
        status, answer = _ask(sock, connection, listen, request)
        what = f"HTTP/2 {request.method} {request.path}"
        if status != b"200":
            raise BenchError(f"{what}: status {status.decode() or 'none'} instead of 200")
        if answer != request.expected:
            raise BenchError(
                f"{what}: {len(answer)} bytes that are not the {len(request.expected)} expected"
            )


def _ask(
    sock: socket.socket, connection: h2.connection.H2Connection, listen: Listen, request: Request
) -> tuple[bytes, bytes]:
    stream_id = connection.get_next_available_stream_id()
    head = [
        (":method", request.method),
        (":scheme", "https" if listen.certificate else "http"),
        (":authority", f"{HOST}:{listen.port}"),
        (":path", request.path),
        *((name.lower(), value) for name, value in request.headers),
    ]
    connection.send_headers(stream_id, head, end_stream=not request.body)
    body, status, answer = request.body, b"", bytearray()
    while True:
        while body:
            room = min(
                connection.local_flow_control_window(stream_id), connection.max_outbound_frame_size
            )
            if room <= 0:
                break
            connection.send_data(stream_id, body[:room], end_stream=len(body) <= room)
            body = body[room:]
        sock.sendall(connection.data_to_send())
        data = sock.recv(_READ)
        if not data:
            raise BenchError("the server closed the connection within an answer")
        for event in connection.receive_data(data):
            match event:
                case h2.events.ResponseReceived():
                    status = dict(event.headers)[b":status"]
                case h2.events.DataReceived():
                    answer += event.data
                    connection.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
                case h2.events.StreamEnded():
                    sock.sendall(connection.data_to_send())
                    return status, bytes(answer)
                case h2.events.StreamReset() | h2.events.ConnectionTerminated():
                    raise BenchError(f"the server ended the stream: {event!r}")
