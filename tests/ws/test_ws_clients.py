"""The `websockets` client, as many programs use it, against each worker."""

from __future__ import annotations

import contextlib
import json
import random
import ssl

import pytest
import trustme
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

from tests.ws.conftest import probe


def url(server, path="/echo"):
    return server.url.replace("http", "ws", 1) + path


@pytest.mark.parametrize("compression", ["deflate", None])
def test_messages_of_all_sizes_come_back(server, compression):
    chance = random.Random(7)
    with connect(url(server), compression=compression, max_size=None) as client:
        for size in (0, 1, 125, 126, 1000, 65535, 65536, 1 << 20):
            data = chance.randbytes(size)
            client.send(data)
            assert client.recv() == data
            words = "wörter " * (size // 7)
            client.send(words)
            assert client.recv() == words


@pytest.mark.parametrize("server_takeover", [True, False])
@pytest.mark.parametrize("client_takeover", [True, False])
@pytest.mark.parametrize("bits", [9, 12, 15, None])
def test_every_arrangement_of_compression_works(server, server_takeover, client_takeover, bits):
    factory = ClientPerMessageDeflateFactory(
        server_no_context_takeover=not server_takeover,
        client_no_context_takeover=not client_takeover,
        server_max_window_bits=bits,
        client_max_window_bits=bits or True,
    )
    with connect(url(server), compression=None, extensions=[factory]) as client:
        assert client.protocol.extensions
        for number in range(20):
            data = f"message number {number} " * 50
            client.send(data)
            assert client.recv() == data


def test_fragments_of_an_iterable_are_one_message(server):
    with connect(url(server)) as client:
        client.send(f"{number}," for number in range(100))
        assert client.recv() == "".join(f"{number}," for number in range(100))


def test_pings_are_answered(server):
    with connect(url(server)) as client:
        for _ in range(3):
            assert client.ping().wait(20)


def test_pings_of_the_server_are_answered(worker):
    args = ["--ws-ping-interval", "0.05", "--ws-ping-timeout", "1"]
    with probe(worker, "httptools", *args) as server, connect(url(server)) as client:
        for number in range(20):
            client.send(str(number))
            assert client.recv(timeout=20) == str(number)
            with contextlib.suppress(TimeoutError):
                client.recv(timeout=0.05)


def test_a_subprotocol_is_agreed_on(server):
    with connect(url(server, "/accept?subprotocol=chat"), subprotocols=["x", "chat"]) as client:
        assert client.subprotocol == "chat"


def test_code_and_reason_arrive(worker):
    with probe(worker) as server:
        with connect(url(server)) as client:
            client.close(4321, "that is why")
        assert client.protocol.close_rcvd.code == 4321
        server.wait_for_line("disconnect 4321 'that is why'")


def test_the_servers_close_arrives(server):
    with connect(url(server, "/scope")) as client:
        assert '"type": "websocket"' in client.recv()
        with pytest.raises(ConnectionClosedOK):
            client.recv()


def test_a_refusal_is_a_status(server):
    with pytest.raises(InvalidStatus) as raised, connect(url(server, "/return-before")):
        pass
    assert raised.value.response.status_code == 500


def test_a_socket_over_tls(worker, tmp_path):
    authority = trustme.CA()
    pem = tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    data = random.Random(1).randbytes(1 << 19)
    with probe(worker, "httptools", "--certfile", str(pem), "--bind", "127.0.0.1:0") as server:
        with connect(url(server, "/scope"), ssl=context) as client:
            scope = json.loads(client.recv())
            assert scope["scheme"] == "wss"
            assert scope["extensions"]["tls"]["server_cert"].startswith("-----BEGIN CERTIFICATE")
        with connect(url(server), ssl=context) as client:
            for _ in range(3):
                client.send(data)
                assert client.recv() == data


def test_the_end_of_the_server_is_1012(worker):
    with probe(worker) as server, connect(url(server)) as client:
        client.send("one")
        assert client.recv() == "one"
        server.terminate()
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=20)
        assert client.protocol.close_rcvd.code == 1012
        assert server.wait() == 0
