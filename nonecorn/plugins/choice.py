"""Which of several plugins serves: the rules for protocols and streams.

Alternatives for one job declare a priority and the highest is taken; `--plugin` narrows the choice
to the plugins that it names; a tie is a conflict. What is off by default takes part only when its
plugin is required or, for protocols over datagrams, when there is an address for them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

from nonecorn.plugins.conflicts import conflict
from nonecorn.plugins.entry import Entry
from nonecorn.spi import Kind, ProtocolSpec, StreamSpec, TransportSpec

T = TypeVar("T", ProtocolSpec, StreamSpec, TransportSpec)


def choose_protocols(
    entries: Iterable[Entry[ProtocolSpec]], required: Collection[str], *, datagrams: bool
) -> list[Entry[ProtocolSpec]]:
    """One protocol per `serves`, in the order in which ALPN prefers them.

    Args:
        entries: All that are loaded.
        required: Plugins named by `--plugin`.
        datagrams: There is an address for protocols over datagrams.

    Raises:
        PluginConflictError: Two of equal priority serve the same protocol, or two protocols
            are selected by the same ALPN id, preface or upgrade token, or by default.
    """
    rivals: dict[str, list[Entry[ProtocolSpec]]] = {}
    for entry in entries:
        wanted = entry.spec.on_by_default or entry.plugin.name in required
        if wanted or (datagrams and entry.spec.kind is Kind.DATAGRAM):
            rivals.setdefault(entry.spec.serves, []).append(entry)
    chosen = [
        _best(group, required, f"serve {serves!r} with priority {{}}")
        for serves, group in rivals.items()
    ]
    chosen.sort(key=lambda entry: (-entry.spec.alpn_preference, entry.spec.name))
    _check_selectors(chosen)
    return chosen


def choose_streams(
    entries: Iterable[Entry[StreamSpec]], required: Collection[str]
) -> list[Entry[StreamSpec]]:
    """One stream per upgrade token, the one for plain requests first.

    Raises:
        PluginConflictError: Two of equal priority claim the same token.
    """
    rivals: dict[bytes, list[Entry[StreamSpec]]] = {}
    for entry in entries:
        if entry.spec.on_by_default or entry.plugin.name in required:
            rivals.setdefault(entry.spec.upgrade.lower(), []).append(entry)
    chosen = []
    for token, group in sorted(rivals.items()):
        served = f"upgrades to {token.decode('latin-1')!r}" if token else "plain requests"
        chosen.append(_best(group, required, f"serve {served} with priority {{}}"))
    return chosen


def choose_transports(
    entries: Iterable[Entry[TransportSpec]], required: Collection[str]
) -> list[Entry[TransportSpec]]:
    """One transport per option and prefix.

    Raises:
        PluginConflictError: Two of equal priority take the same addresses.
    """
    rivals: dict[tuple[str, str], list[Entry[TransportSpec]]] = {}
    for entry in entries:
        rivals.setdefault((entry.spec.option, entry.spec.prefix), []).append(entry)
    chosen = []
    for (option, prefix), group in rivals.items():
        taken = (
            f"addresses of {option} that begin with {prefix!r}"
            if prefix
            else f"every address of {option} that no other transport takes"
        )
        chosen.append(_best(group, required, f"take {taken}, with priority {{}}"))
    return chosen


def _best(group: list[Entry[T]], required: Collection[str], what: str) -> Entry[T]:
    named = [entry for entry in group if entry.plugin.name in required] or group
    top = max(entry.spec.priority for entry in named)
    best = [entry for entry in named if entry.spec.priority == top]
    if len(best) > 1:
        choosable = any(entry.plugin.name not in required for entry in best)
        raise conflict(best[0].plugin, best[1].plugin, what.format(top), choosable=choosable)
    return best[0]


def _check_selectors(chosen: Iterable[Entry[ProtocolSpec]]) -> None:
    # Different protocols: no priority can say which of them one ALPN id means.
    owners: dict[tuple[Kind, str], Entry[ProtocolSpec]] = {}
    for entry in chosen:
        spec = entry.spec
        claims = [f"claim the ALPN id {alpn.decode('latin-1')!r}" for alpn in spec.alpn]
        if spec.preface:
            claims.append(f"claim connections that begin with {spec.preface!r}")
        if spec.upgrade:
            claims.append(f"claim the upgrade token {spec.upgrade.lower().decode('latin-1')!r}")
        if spec.default:
            claims.append("serve connections that negotiate nothing")
        for claim in claims:
            other = owners.setdefault((spec.kind, claim), entry)
            if other is not entry:
                raise conflict(other.plugin, entry.plugin, claim)
