"""The `priority` field (RFC 9218): a dictionary of structured fields (RFC 8941 section 3.2).

Two members mean something: `u`, an integer of 0 to 7, and `i`, a boolean. Other members, values of
another type and numbers out of range are ignored (RFC 9218 section 4), but have to be well-formed:
a field that is not says nothing at all (RFC 8941 section 4.2).

The grammar is one pattern for one member. A member has one reading: wherever the pattern could go
back, what it would try instead fails at the next byte, so a long field costs what its length says.
(Groups that give nothing back would say so outright, but before Python 3.11.5 they match too much.)
"""

from __future__ import annotations

import re

_KEY = r"[a-z*][a-z0-9_.*-]*+"
_BARE = r"""(?:
      -?[0-9]{1,12}+\.[0-9]{1,3}+                    # decimal
    | -?[0-9]{1,15}+                                 # integer
    | "[\ !\#-\[\]-~]*+(?:\\["\\][\ !\#-\[\]-~]*+)*" # string
    | [A-Za-z*][A-Za-z0-9!\#$%&'*+.^_`|~:/-]*+       # token
    | :[A-Za-z0-9+/]*+={0,2}+:                       # byte sequence
    | \?[01]                                         # boolean
)"""
_PARAMETERS = rf"(?:;\ *+{_KEY}(?:={_BARE})?)*"
_ITEM = rf"{_BARE}{_PARAMETERS}"
_INNER_LIST = rf"\(\ *+(?:{_ITEM}(?:\ ++|(?=\))))*\)"
_MEMBER = rf"""
    (?P<key>{_KEY})
    (?:=(?P<value>{_BARE}|{_INNER_LIST}))?
    {_PARAMETERS}
    (?:[\ \t]*+,[\ \t]*+(?=.)|\ *+\Z)
"""
_MATCH = re.compile(_MEMBER.encode(), re.VERBOSE | re.DOTALL).match

_URGENCY = re.compile(rb"-0+|0*[0-7]").fullmatch


def parse_priority(
    value: bytes,
    urgency: int = 3,
    incremental: bool = False,  # noqa: FBT002  # the default of what is returned
) -> tuple[int, bool]:
    """Read a `priority` field, its lines joined by commas, or the value of a PRIORITY_UPDATE.

    Args:
        value: The field value. Nothing in it is an error.
        urgency: What holds if it does not say.
        incremental: What holds if it does not say.

    Returns:
        The urgency, from 0 (the most urgent) to 7, and whether a part of the response is of use.
    """
    u = i = b""
    position = len(value) - len(value.lstrip(b" "))
    while position < len(value):
        member = _MATCH(value, position)
        if member is None:
            return urgency, incremental
        position = member.end()
        # Of two members with one name the last counts, and a name alone is true (RFC 8941 3.2).
        if member["key"] == b"u":
            u = member["value"] or b"?1"
        elif member["key"] == b"i":
            i = member["value"] or b"?1"
    if _URGENCY(u):
        urgency = int(u)
    if i in (b"?0", b"?1"):
        incremental = i == b"?1"
    return urgency, incremental
