"""The WebSocket client: it sends one message, waits until it comes back, and sends it again.

It is as cheap as Python allows: the masked frame is made once (the server cannot tell), one process
polls all sockets, and what comes back is compared with the one answer that is right. No extension
is offered, so nobody compresses.
"""

from __future__ import annotations

import base64
import hashlib
import select
import socket
import time

from bench.errors import BenchError
from bench.load import Load
from bench.servers import HOST

PATH = "/echo"
MESSAGE = bytes(range(125))
"""The longest that needs no second length field: what chat and ticker messages are like."""
_KEY = base64.b64encode(bytes(16)).decode()
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MASK = b"\x12\x34\x56\x78"
_STALL = 10.0
_HEAD_LIMIT = 16 * 1024


def frame(payload: bytes, opcode: int = 2) -> bytes:
    """A client's frame with less than 126 bytes (RFC 6455 section 5.2)."""
    masked = bytes(byte ^ _MASK[index % 4] for index, byte in enumerate(payload))
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + _MASK + masked


ASK = frame(MESSAGE)
ANSWER = bytes([0x82, len(MESSAGE)]) + MESSAGE
_CLOSE = frame(b"\x03\xe8", 8)


def connect(port: int) -> socket.socket:
    """A socket after its handshake, and after one message there and back.

    Raises:
        BenchError: A wrong answer.
        OSError: The server is not there, or is silent.
    """
    sock = socket.create_connection((HOST, port), timeout=_STALL)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _shake_hands(sock, port)
        sock.sendall(ASK)
        answer = b""
        while len(answer) < len(ANSWER):
            answer += _receive(sock)
        if answer != ANSWER:
            raise BenchError(f"unexpected frame: {answer[:40]!r}")
    except ConnectionError as error:
        sock.close()
        raise BenchError("the server closed the connection") from error
    except BaseException:
        sock.close()
        raise
    return sock


def _shake_hands(sock: socket.socket, port: int) -> None:
    fields = (
        f"GET {PATH} HTTP/1.1",
        f"Host: {HOST}:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"Sec-WebSocket-Key: {_KEY}",
        "Sec-WebSocket-Version: 13",
    )
    sock.sendall("\r\n".join([*fields, "", ""]).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += _receive(sock)
        if len(head) > _HEAD_LIMIT:
            raise BenchError("a response head without an end")
    if not head.startswith(b"HTTP/1.1 101 ") or _accept() not in head:
        raise BenchError(f"unexpected answer: {head[:60]!r}")


def _accept() -> bytes:
    return base64.b64encode(hashlib.sha1((_KEY + _GUID).encode()).digest())


def _receive(sock: socket.socket) -> bytes:
    data = sock.recv(4096)
    if not data:
        raise BenchError("the server closed the connection")
    return data


def run_echo(port: int, *, seconds: float, connections: int) -> Load:
    """Send `MESSAGE` and read it back, over and over on `connections` for `seconds`.

    Runs in the calling process, on the CPU that it is on.

    Raises:
        BenchError: A wrong answer, a closed connection, or silence.
    """
    sockets: dict[int, socket.socket] = {}
    partial: dict[int, bytes] = {}
    count = 0
    with select.epoll() as poll:
        try:
            for _ in range(connections):
                sock = connect(port)
                sock.setblocking(False)
                sockets[sock.fileno()] = sock
                poll.register(sock, select.EPOLLIN)
            cpu_before, started = time.process_time(), time.monotonic()
            until = started + seconds
            for sock in sockets.values():
                sock.send(ASK)  # a few bytes into an empty buffer: always whole
            asked = connections
            while asked:
                events = poll.poll(_STALL)
                if not events:
                    raise BenchError(f"no byte for {_STALL:.0f} s with messages under way")
                more = time.monotonic() < until
                for number, _ in events:
                    sock = sockets[number]
                    answer = sock.recv(4096)
                    if answer != ANSWER:
                        if not answer:
                            raise BenchError("the server closed the connection")
                        answer = partial.pop(number, b"") + answer
                        if not ANSWER.startswith(answer):
                            raise BenchError(f"unexpected frame: {answer[:40]!r}")
                        if len(answer) < len(ANSWER):
                            partial[number] = answer
                            continue
                    count += 1
                    if more:
                        sock.send(ASK)
                    else:
                        asked -= 1
            elapsed = time.monotonic() - started
            client_cpu = time.process_time() - cpu_before
            for sock in sockets.values():
                sock.send(_CLOSE)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise BenchError("the server closed the connection") from error
        finally:
            for sock in sockets.values():
                sock.close()
    return Load(
        requests=count,
        size=count * len(ANSWER),
        seconds=elapsed,
        errors=0,
        client_busy=client_cpu / elapsed,
    )
