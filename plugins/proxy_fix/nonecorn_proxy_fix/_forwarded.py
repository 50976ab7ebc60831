"""One element of `Forwarded` (RFC 7239 section 4).

    forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )
    forwarded-pair    = token "=" ( token / quoted-string )

Blanks around the semicolons are taken as well: proxies that are configured by hand write them.
"""

from __future__ import annotations

import re

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105  # RFC 9110 section 5.6.2
_PAIR = re.compile(
    rf"[ \t]*(?:(?P<name>{_TOKEN})="
    rf'(?:(?P<token>{_TOKEN})|"(?P<quoted>(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]'
    r'|\\[\t\x20-\x7e\x80-\xff])*)")[ \t]*)?(?:;|$)'
)
_ESCAPE = re.compile(r"\\(.)")


def parse_element(text: str) -> dict[str, str]:
    """The parameters of an element: names in lower case, values without their quotes.

    Raises:
        ValueError: It breaks the grammar, or has a parameter twice.
    """
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        pair = _PAIR.match(text, position)
        if pair is None or pair.end() == position:
            message = f"{text!r} is no element of Forwarded"
            raise ValueError(message)
        position = pair.end()
        if pair["name"] is None:
            continue
        name = pair["name"].lower()
        if name in found:
            message = f"{text!r} has {name!r} twice"  # section 4: once per element
            raise ValueError(message)
        value = pair["token"]
        found[name] = _ESCAPE.sub(r"\1", pair["quoted"]) if value is None else value
    return found
