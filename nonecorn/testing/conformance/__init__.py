"""The conformance kit: what the contract asks of each kind of plugin, as test classes to subclass.

    class TestMyProtocol(ProtocolConformance):
        factory = MyProtocol
        ...

Each test is one rule; its name begins with the rule's number, its docstring is the rule. Run with
`-p nonecorn.testing.plugin` to have the rule's text shown where one is broken, and to select rules
by the marker `nonecorn_rule`.
"""

from __future__ import annotations

import pytest

# Before their import, so that a rule that is broken shows the values that it compared.
pytest.register_assert_rewrite(
    *(
        f"nonecorn.testing.conformance.{name}"
        for name in (
            "app_wrapper",
            "descriptor",
            "middleware",
            "observer",
            "protocol",
            "protocol_flow",
            "stream",
            "transport",
            "worker",
            "worker_connections",
            "worker_files",
            "worker_harness",
            "worker_listening",
            "worker_protocols",
            "worker_tasks",
        )
    )
)
