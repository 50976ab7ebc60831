"""The parts of serving by themselves: sockets, signals, the PID file, observers."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
from types import SimpleNamespace

import pytest

from nonecorn.serving.bindings import Bindings
from nonecorn.serving.observers import compile_observers
from nonecorn.serving.pid_file import pid_file
from nonecorn.serving.signals import StopSignals, within_import
from nonecorn.spi import (
    BindError,
    ConfigError,
    Observer,
    ObserverSpec,
    PluginLoadError,
    Ref,
    StartupError,
)
from nonecorn.testing import make_app_context
from tests.serving.loops import plan_of

# Bindings -----------------------------------------------------------------------------------------


@pytest.fixture
def bindings():
    with Bindings() as opened:
        yield opened


def test_every_address_is_bound_in_its_order_with_its_real_port(bindings, tmp_path):
    bindings.bind(plan_of(bind=("127.0.0.1:0", f"unix:{tmp_path / 's'}")))
    tcp, unix = bindings.urls
    port = next(iter(bindings)).bound.sock.getsockname()[1]
    assert tcp == f"http://127.0.0.1:{port}"
    assert unix == f"unix:{tmp_path / 's'}"
    assert repr(bindings) == f"<Bindings {tcp} {unix}>"


def test_closing_frees_the_addresses_and_may_be_repeated(bindings, tmp_path):
    path = tmp_path / "s"
    bindings.bind(plan_of(bind=("127.0.0.1:0", f"unix:{path}")))
    socks = [binding.bound.sock for binding in bindings]
    bindings.close()
    bindings.close()
    assert [sock.fileno() for sock in socks] == [-1, -1]
    assert not path.exists()
    assert bindings.urls == []


def test_an_address_that_fails_does_not_keep_those_before_it(tmp_path):
    path = tmp_path / "s"
    with pytest.raises(BindError), Bindings() as opened:
        opened.bind(plan_of(bind=(f"unix:{path}", "fd://77")))
    assert not path.exists()


def test_a_socket_file_that_was_replaced_stays(bindings, tmp_path):
    path = tmp_path / "s"
    bindings.bind(plan_of(bind=f"unix:{path}"))
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "other"))
        (tmp_path / "other").replace(path)
        bindings.close()
        assert path.exists()


def test_a_socket_file_that_is_gone_is_no_error(bindings, tmp_path):
    path = tmp_path / "s"
    bindings.bind(plan_of(bind=f"unix:{path}"))
    path.unlink()
    bindings.close()


# Signals ------------------------------------------------------------------------------------------


def test_signals_are_held_until_somebody_wants_them():
    before = signal.getsignal(signal.SIGTERM)
    stops = []
    with StopSignals() as held:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        held.call(lambda: stops.append(1))
        assert stops == [1, 1]
        signal.raise_signal(signal.SIGTERM)
        assert stops == [1, 1, 1]
        assert repr(held) == "<StopSignals active count=3>"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_after_the_end_exits():
    with StopSignals() as held:
        held.code = 1
        with pytest.raises(SystemExit) as raised:
            signal.raise_signal(signal.SIGTERM)
    assert raised.value.code == 1


def test_the_import_system_is_told_from_what_it_imports(tmp_path, monkeypatch):
    (tmp_path / "serving_parts_imported.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    seen = set()
    sys.setprofile(lambda frame, *_: seen.add((within_import(frame), frame.f_code.co_filename[:1])))
    try:
        importlib.import_module("serving_parts_imported")
    finally:
        sys.setprofile(None)
    assert {(True, "<"), (False, "/")} <= seen
    assert (True, "/") not in seen
    assert not within_import(None)


def test_signals_that_are_not_wanted_are_left_alone():
    before = signal.getsignal(signal.SIGINT)
    with StopSignals(active=False) as held:
        assert signal.getsignal(signal.SIGINT) is before
        assert repr(held) == "<StopSignals inactive count=0>"


# The PID file -------------------------------------------------------------------------------------


def test_the_pid_file_lasts_as_long_as_the_context(tmp_path):
    path = tmp_path / "pid"
    with pid_file(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"
    assert not path.exists()


@pytest.mark.parametrize("content", ["1\n", "no number", "\N{SNOWMAN}"])
def test_the_pid_file_of_another_process_stays(tmp_path, content):
    path = tmp_path / "pid"
    with pid_file(str(path)):
        path.write_text(content, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == content


def test_a_pid_file_that_is_gone_is_no_error(tmp_path):
    with pid_file(str(tmp_path / "pid")):
        (tmp_path / "pid").unlink()
    with pid_file(None):
        pass


def test_a_pid_file_that_cannot_be_written_is_one_line(tmp_path):
    error = pytest.raises(StartupError, match=r"PID file .* cannot be written: is a directory")
    with error, pid_file(str(tmp_path)):
        pass


# Observers ----------------------------------------------------------------------------------------


class Hears(Observer):
    def __init__(self):
        self.heard = []

    def connection_opened(self, port):
        self.heard.append(("opened", port))

    def connection_closed(self, port):
        self.heard.append(("closed", port))


class Fails(Hears):
    def connection_opened(self, port):
        raise LookupError(port)


def no_observer(context):
    return None


def cannot_be_made(context):
    raise OSError("no collector")


def misconfigured(context):
    raise ConfigError("observer: no such collector")


@pytest.fixture
def spec(monkeypatch):
    def make_spec(name, make):
        module = f"observers_of_{name}"
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(make=make))
        return ObserverSpec(name=name, observer=Ref(f"{module}:make"))

    return make_spec


def test_only_what_an_observer_overrides_is_called(spec):
    hears = Hears()
    observers = compile_observers(
        [spec("hears", lambda context: hears), spec("none", no_observer)], make_app_context()
    )
    assert observers.request_started == observers.worker_started == ()
    [opened] = observers.connection_opened
    assert repr(opened) == "<observer hears.connection_opened>"
    opened(1)
    assert hears.heard == [("opened", 1)]


def test_an_observer_that_raises_is_removed_from_every_event(spec, caplog):
    fails, hears = Fails(), Hears()
    observers = compile_observers(
        [spec("fails", lambda context: fails), spec("hears", lambda context: hears)],
        make_app_context(),
    )
    for call in observers.connection_opened:
        call(1)
    for call in observers.connection_closed:
        call(1)
    assert fails.heard == []
    assert hears.heard == [("opened", 1), ("closed", 1)]
    assert caplog.messages == ["observer 'fails' raised in connection_opened and was removed"]


def test_an_observer_that_cannot_be_made_is_an_error_of_its_plugin(spec):
    with pytest.raises(PluginLoadError, match="observer 'bad' cannot be made: OSError: no coll"):
        compile_observers([spec("bad", cannot_be_made)], make_app_context())
    with pytest.raises(ConfigError, match="no such collector"):
        compile_observers([spec("bad", misconfigured)], make_app_context())
