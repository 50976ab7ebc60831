"""Fixtures of the recipes' tests."""

from __future__ import annotations

import pytest
import trustme


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Chain, key and CA in one file."""
    ca = trustme.CA()
    issued = ca.issue_cert("localhost")
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(path)
    ca.cert_pem.write_to_path(path, append=True)
    return path
