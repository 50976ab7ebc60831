"""The probe's page `/protocol` in Chromium."""

from __future__ import annotations

from tests.e2e.chromium import Chromium

_SAID = """
new Promise((done) => {
  const look = () => {
    const said = document.body && document.body.innerText;
    if (said) done(said);
  };
  new MutationObserver(look).observe(document, {childList: true, subtree: true});
  look();
})
"""


def protocol(chromium: Chromium, origin: str) -> str:
    """What the page says, once it has fetched and sent what it wants to."""
    with chromium.page() as page:
        page.go(f"{origin}/protocol")
        return page.run(_SAID)
