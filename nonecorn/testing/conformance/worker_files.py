"""Rules W40 to W49: files sent in the kernel."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import pytest

from nonecorn.spi import ClientDisconnectedError, Port, Protocol, Runtime
from nonecorn.testing.conformance.worker_harness import (
    Mark,
    Recorder,
    WorkerHarness,
    connect,
    read,
    read_all,
    serving,
)

_CONTENT = os.urandom(65536) * 128  # 8 MiB


class FileRules(WorkerHarness):
    """What `Port.sendfile` does, on workers whose ports have `zero_copy`."""

    def _send(
        self, path: pathlib.Path, offset: int, count: int, before: bytes, after: bytes
    ) -> tuple[bytes, list[int]]:
        path.write_bytes(_CONTENT)
        results: list[int] = []

        class Sender(Recorder):
            def data_received(self, data: bytes) -> None:
                self.job = self.port.runtime.spawn(self.send)

            async def send(self) -> None:
                if not self.port.zero_copy:
                    self.port.close()
                    return
                with path.open("rb") as file:
                    self.port.write(before)
                    results.append(await self.port.sendfile(file.fileno(), offset, count))
                    self.port.write(after)
                self.port.close()

        def client(address: Any) -> bytes:
            with connect(address) as sock:
                sock.sendall(b"go")
                return read_all(sock)

        data = self.serve(Sender, client)
        if not results:
            pytest.skip("this worker's ports have no zero_copy")
        return data, results

    def test_w40_a_file_is_sent_whole(self, tmp_path: pathlib.Path) -> None:
        """W40. `sendfile` sends `count` bytes and returns their number."""
        data, results = self._send(tmp_path / "file", 0, len(_CONTENT), b"", b"")
        assert data == _CONTENT
        assert results == [len(_CONTENT)]

    def test_w41_a_file_follows_what_was_written_and_precedes_what_comes(
        self, tmp_path: pathlib.Path
    ) -> None:
        """W41. Buffered bytes go first; what is written after it returned goes after."""
        before = bytes(range(256)) * 16384
        data, _ = self._send(tmp_path / "file", 0, len(_CONTENT), before, b"end")
        assert data == before + _CONTENT + b"end"

    def test_w42_a_part_of_a_file_is_sent(self, tmp_path: pathlib.Path) -> None:
        """W42. `offset` and `count` choose the part."""
        data, results = self._send(tmp_path / "file", 1000, 123_456, b"", b"")
        assert data == _CONTENT[1000:124_456]
        assert results == [123_456]

    def test_w43_a_file_that_ends_early_is_told(self, tmp_path: pathlib.Path) -> None:
        """W43. Fewer bytes than `count` are returned where the file has no more."""
        data, results = self._send(tmp_path / "file", len(_CONTENT) - 100, 5000, b"", b"")
        assert data == _CONTENT[-100:]
        assert results == [100]

    def test_w44_a_client_that_goes_ends_it(self, tmp_path: pathlib.Path) -> None:
        """W44. `ClientDisconnectedError` where the connection is lost first."""
        path = tmp_path / "file"
        path.write_bytes(_CONTENT * 2)

        async def main(runtime: Runtime) -> list[str]:
            outcomes: list[str] = []
            done = Mark(runtime, "the end of sendfile")

            class Sender(Recorder):
                def data_received(self, data: bytes) -> None:
                    self.job = self.port.runtime.spawn(self.send)

                async def send(self) -> None:
                    try:
                        if self.port.zero_copy:
                            with path.open("rb") as file:
                                await self.port.sendfile(file.fileno(), 0, len(_CONTENT) * 2)
                            outcomes.append("sent")
                    except ClientDisconnectedError:
                        outcomes.append("gone")
                    self.port.close()
                    done.set()

            def accept(port: Port) -> Protocol:
                return Sender(port)

            def client(address: Any) -> None:
                with connect(address) as sock:
                    sock.sendall(b"go")
                    sock.recv(10_000)

            await serving(runtime, accept, client)
            await done.reached()
            return outcomes

        outcomes = self.run(main)
        if not outcomes:
            pytest.skip("this worker's ports have no zero_copy")
        assert outcomes == ["gone"]

    def test_w45_a_client_that_takes_nothing_of_a_file_pauses_the_protocol(
        self, tmp_path: pathlib.Path
    ) -> None:
        """W45. `pause_writing` while the peer takes nothing, `resume_writing` once it does."""
        path = tmp_path / "file"
        path.write_bytes(_CONTENT)
        made: list[Sender] = []

        class Sender(Recorder):
            def data_received(self, data: bytes) -> None:
                self.full = Mark(self.port.runtime, "pause_writing")
                made.append(self)
                self.calls: list[str] = []
                if self.port.zero_copy:
                    self.job = self.port.runtime.spawn(self.send)
                else:
                    self.full.set()
                    self.port.close()

            async def send(self) -> None:
                self.port.write(b"1")
                with path.open("rb") as file:
                    await self.port.sendfile(file.fileno(), 0, len(_CONTENT))
                self.port.close()

            def pause_writing(self) -> None:
                self.calls.append("pause")
                self.full.set()

            def resume_writing(self) -> None:
                self.calls.append("resume")

        def client(address: Any) -> bytes:
            with connect(address) as sock:
                sock.sendall(b"go")
                first = read(sock, 1)
                if first:
                    made[0].full.wait()
                return first + read_all(sock)

        data = self.serve(Sender, client)
        if not made[0].port.zero_copy and not data:
            pytest.skip("this worker's ports have no zero_copy")
        assert data == b"1" + _CONTENT
        assert set(made[0].calls[::2]) == {"pause"}
        assert set(made[0].calls[1::2]) == {"resume"}
        assert len(made[0].calls) % 2 == 0
