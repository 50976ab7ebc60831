"""What the server's own settings mean for mounts."""

from __future__ import annotations

import pytest

from nonecorn.config.schema import ServerSettings
from nonecorn.spi import ConfigError
from nonecorn.testing import make_app_context
from nonecorn.testing.apps import hello
from nonecorn_dispatcher._middleware import check, make

ONE = {"path": "/one", "app": "a:a"}


def context_of(lifespan):
    return make_app_context([ServerSettings(lifespan=lifespan)], apps={"a:a": hello})


@pytest.mark.parametrize("read", [check, lambda *args: make(hello, *args)], ids=["check", "start"])
def test_a_lifespan_that_nobody_would_call_is_one_line(read):
    with pytest.raises(ConfigError) as caught:
        read({"mounts": [{**ONE, "lifespan": "on"}]}, context_of("off"))
    [line] = caught.value.problems
    assert line.startswith('middleware dispatcher: /one: lifespan = "on" cannot be')


@pytest.mark.parametrize(
    ("server", "mount"), [("off", "auto"), ("off", "off"), ("on", "on"), ("auto", "on")]
)
def test_others_are_as_they_are_told(server, mount):
    options = {"mounts": [{**ONE, "lifespan": mount}]}
    check(options, context_of(server))
    assert repr(make(hello, options, context_of(server))).startswith("<Dispatcher <Routes /one>")
