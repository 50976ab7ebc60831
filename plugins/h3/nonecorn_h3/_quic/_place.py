"""A worker's place with keys that can be used."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nonecorn.spi import Place


def place_of(place: Place) -> Place:
    """The same; where nobody has given the server a secret, with one that lasts as long as this
    process, all that there is then.
    """
    return place if place.secret else replace(place, secret=_secret())


@cache
def _secret() -> bytes:
    return os.urandom(32)
