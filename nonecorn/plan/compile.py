"""The compiler: a frozen configuration and the loaded plugins become a Plan.

Everything that can be decided before a worker starts is decided here, and every reason to refuse is
found here: first what the user wrote and cannot mean, all at once; then what no plugin provides.
When it is done only descriptors have been imported, and the middleware that is configured, where it
has a check of its options.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from nonecorn.plan.layers import option_problems
from nonecorn.plan.plan import ListenerPlan, MiddlewarePlan, Plan
from nonecorn.plugins import advice
from nonecorn.plugins.choice import choose_protocols, choose_streams, choose_transports
from nonecorn.plugins.conflicts import conflict
from nonecorn.plugins.entry import Entry
from nonecorn.plugins.info import canonical
from nonecorn.spi import (
    AppLoaderSpec,
    AppWrapperSpec,
    ConfigError,
    Kind,
    MiddlewareSpec,
    PluginNotFoundError,
    ProtocolSpec,
    StreamSpec,
    TransportSpec,
    WorkerSpec,
)

if TYPE_CHECKING:
    from nonecorn.config import Config
    from nonecorn.plugins.loaded import Plugins
    from nonecorn.plugins.registry import Registry

S = TypeVar("S")
P = TypeVar("P", AppLoaderSpec, AppWrapperSpec)


def compile_plan(config: Config, plugins: Plugins) -> Plan:
    """Decide what workers are to be.

    Args:
        config: Frozen and validated.
        plugins: The loaded ones.

    Raises:
        ConfigError: Settings contradict each other or name something unknown; all are listed.
        PluginNotFoundError: No plugin does what the configuration needs; says what to install.
        PluginConflictError: Two plugins do the same thing and nothing decides between them.
        BadSpecError: A plugin returned something unusable.
        PluginLoadError: A hook of a plugin raised.
    """
    return _Compiler(config, plugins).run()


@dataclass(slots=True)
class _Compiler:
    """One compilation, and which plugins it has used so far."""

    config: Config
    plugins: Plugins
    used: set[str] = field(default_factory=set)

    def run(self) -> Plan:
        registry = self.plugins.registry()
        middleware = self.check(registry)
        worker = self.worker(registry)
        listeners = self.listeners(registry)
        listeners += self.followers(registry, listeners)
        return Plan(
            worker=worker,
            listeners=listeners,
            protocols=self.protocols(registry, listeners),
            streams=self.streams(registry),
            app_loaders=self.use_all(_by_priority(registry.app_loaders)),
            app_wrappers=self.app_wrappers(registry),
            middleware=tuple(
                MiddlewarePlan(spec=self.use(entry), options=options)
                for entry, options in middleware
            ),
            observers=self.use_all(sorted(registry.observers, key=lambda entry: entry.spec.name)),
            settings=dict(self.config.tables),
            report=tuple(
                line for _, lines in self.plugins.hooks.report(self.config) for line in lines
            ),
            plugins=self.labels(),
        )

    def use(self, entry: Entry[S]) -> S:
        """The entry's spec; its plugin is in use from now on."""
        self.used.add(entry.plugin.name)
        return entry.spec

    def use_all(self, entries: Iterable[Entry[S]]) -> tuple[S, ...]:
        return tuple(self.use(entry) for entry in entries)

    # What the user wrote

    def check(self, registry: Registry) -> list[tuple[Entry[MiddlewareSpec], dict[str, Any]]]:
        """The configured layers, outermost first, if nothing in the configuration is at fault.

        Raises:
            ConfigError: Every problem.
        """
        problems = self.listener_problems(registry)
        interfaces = [entry.spec.name for entry in registry.app_wrappers]
        wanted = self.config.server.interface
        if wanted not in ("auto", *interfaces):
            reason = self.absence(wanted, ["auto", *interfaces])
            problems.append(f"{self.at('interface')}: there is no interface {wanted!r}: {reason}")
        layers = {canonical(entry.spec.name): entry for entry in registry.middleware}
        found = []
        for configured in self.config.middleware:
            options = dict(configured)
            name: str = options.pop("use")
            entry = layers.get(canonical(name))
            if entry is not None:
                options = self.absolute(options, entry.spec.paths)
                found.append((entry, options))
                where = self.at("middleware")
                problems += option_problems(entry.spec, options, self.config.tables, where)
                continue
            reason = self.absence(name, [entry.spec.name for entry in registry.middleware])
            problems.append(f"{self.at('middleware')}: there is no middleware {name!r}: {reason}")
        if problems:
            raise ConfigError(problems)
        return found

    def absolute(self, options: dict[str, Any], paths: Iterable[str]) -> dict[str, Any]:
        """The same with paths that mean what they mean where they were written."""
        base = self.config.base or Path()
        written = {name: options[name] for name in paths if isinstance(options.get(name), str)}
        found = {
            name: str(base / Path(path).expanduser()) for name, path in written.items() if path
        }
        return {**options, **found}

    def listener_problems(self, registry: Registry) -> list[str]:
        server = self.config.server
        if server.certfile is not None:
            return []
        problems = []
        if server.insecure_bind:
            problems.append(
                f"{self.at('insecure_bind')}: means addresses without TLS beside those with it, "
                "and there is no certificate: give --certfile and --keyfile, or use --bind"
            )
        if server.quic_bind:
            problems.append(
                f"{self.at('quic_bind')}: QUIC is always encrypted (RFC 9001), "
                "and there is no certificate: give --certfile and --keyfile"
            )
        elif opted := self.opted_datagrams(registry):
            problems.append(
                f"plugin {opted}: QUIC is always encrypted (RFC 9001), and there is no "
                "certificate: give --certfile and --keyfile, or --dev-tls"
            )
        if server.dev_tls:
            reason = self.absence(advice.SUGGESTED["dev_tls"], [])
            problems.append(f"{self.at('dev_tls')}: no plugin made a certificate: {reason}")
        return problems

    # What plugins provide

    def worker(self, registry: Registry) -> WorkerSpec:
        wanted = self.config.server.worker
        if wanted is not None:
            found = next((entry for entry in registry.workers if entry.spec.name == wanted), None)
            if found is None:
                reason = self.absence(wanted, [entry.spec.name for entry in registry.workers])
                message = f"{self.at('worker')}: there is no worker {wanted!r}: {reason}"
                raise PluginNotFoundError(message, plugin=wanted)
            return self.use(found)
        if not registry.workers:
            self.refuse("there is no worker to run on", "worker")
        top = max(entry.spec.priority for entry in registry.workers)
        found, *others = [entry for entry in registry.workers if entry.spec.priority == top]
        if others:
            what = f"provide a default worker of priority {top} (--worker decides as well)"
            raise conflict(found.plugin, others[0].plugin, what)
        return self.use(found)

    def listeners(self, registry: Registry) -> tuple[ListenerPlan, ...]:
        server = self.config.server
        wanted = [
            *(("bind", address, server.certfile is not None) for address in server.bind),
            *(("insecure_bind", address, False) for address in server.insecure_bind),
            *(("quic_bind", address, True) for address in server.quic_bind),
            *(("health_bind", address, False) for address in server.health_bind),
        ]
        return tuple(
            ListenerPlan(
                address=address,
                transport=self.transport(registry, option, address),
                tls=tls,
                health=option == "health_bind",
            )
            for option, address, tls in wanted
        )

    def transport(self, registry: Registry, option: str, address: str) -> TransportSpec:
        served = "bind" if option in ("insecure_bind", "health_bind") else option
        takers = [
            entry
            for entry in choose_transports(registry.transports, self.plugins.required)
            if entry.spec.option == served and address.startswith(entry.spec.prefix)
        ]
        if not takers:
            what = f"{self.at(option)}: no transport takes the address {address!r}"
            self.refuse(what, "datagram" if option == "quic_bind" else "")
        return self.use(max(takers, key=lambda entry: len(entry.spec.prefix)))

    def opted_datagrams(self, registry: Registry) -> str:
        """A plugin that the user named and that serves over datagrams; empty for none."""
        for entry in registry.protocols:
            if entry.spec.kind is Kind.DATAGRAM and entry.plugin.name in self.plugins.required:
                return entry.plugin.name
        return ""

    def followers(
        self, registry: Registry, listeners: tuple[ListenerPlan, ...]
    ) -> tuple[ListenerPlan, ...]:
        """Where a protocol over datagrams was asked for and nobody has said on which addresses: on
        those of TLS over TCP.
        """
        if self.config.server.quic_bind or not self.opted_datagrams(registry):
            return ()
        return tuple(
            ListenerPlan(
                address=listener.address,
                transport=self.transport(registry, "quic_bind", listener.address),
                tls=True,
                follows=index,
            )
            for index, listener in enumerate(listeners)
            if listener.tls and not listener.transport.prefix
        )

    def protocols(
        self, registry: Registry, listeners: tuple[ListenerPlan, ...]
    ) -> tuple[ProtocolSpec, ...]:
        datagrams = any(listener.transport.kind is Kind.DATAGRAM for listener in listeners)
        chosen = self.use_all(
            choose_protocols(registry.protocols, self.plugins.required, datagrams=datagrams)
        )
        # ALPN is the client's choice: over streams there must be one that serves without it.
        served = {spec.kind for spec in chosen if spec.default or spec.kind is Kind.DATAGRAM}
        for listener in listeners:
            kind = listener.transport.kind
            if kind not in served:
                self.refuse(f"no protocol serves {listener.address}", kind.value)
        return chosen

    def streams(self, registry: Registry) -> tuple[StreamSpec, ...]:
        chosen = self.use_all(choose_streams(registry.streams, self.plugins.required))
        if not any(spec.upgrade == b"" for spec in chosen):
            self.refuse("no stream serves plain requests", "")
        return chosen

    def app_wrappers(self, registry: Registry) -> tuple[AppWrapperSpec, ...]:
        if not registry.app_wrappers:
            self.refuse("there is no application interface", "interface")
        wanted = self.config.server.interface
        self.used.update(
            entry.plugin.name
            for entry in registry.app_wrappers
            if wanted in ("auto", entry.spec.name)
        )
        return tuple(entry.spec for entry in _by_priority(registry.app_wrappers))

    def labels(self) -> tuple[str, ...]:
        """The plugins in use, as banners name them; built-in ones go without saying."""
        return tuple(
            f"{info.name} {info.version}".rstrip()
            for info in self.plugins.infos
            if info.name in self.used and not info.builtin
        )

    # What is missing

    def at(self, name: str) -> str:
        """A server setting and, if somebody wrote it, where."""
        origin = self.config.origin("", name)
        return name if origin == "default" else f"{name} ({origin})"

    def absence(self, name: str, known: list[str]) -> str:
        """Why there is nothing of that name, and what to do.

        What is missing usually comes with the plugin of the same name.
        """
        info = self.plugins.info(name)
        if info is not None and info.state == "blocked":
            return f"plugin {info} is blocked: drop --no-plugin {info.name}"
        if info is not None and info.state == "installed":
            return f"plugin {info} is not loaded: give --plugin {info.name}"
        if info is not None and info.state == "broken":
            return info.error
        if info is None and canonical(name) in advice.extras():
            hint = f"; {advice.install(name)}"
        else:
            hint = advice.near(name, known)
        return f"installed: {advice.listed(known)}{hint}"

    def refuse(self, what: str, job: str) -> NoReturn:
        """Raise the error for a job that no loaded plugin does."""
        suggested = advice.SUGGESTED.get(job, "")
        found = self.plugins.info(suggested)
        text = what
        if found is not None and found.state == "installed":
            text += f": give --plugin {suggested}"
        elif found is None and suggested:
            text += f": {advice.install(suggested)}, and give --plugin {suggested}"
        idle = [
            f"{info.name} is {'not loaded' if info.state == 'installed' else info.state}"
            for info in self.plugins.infos
            if info.state != "loaded"
        ]
        if idle:
            text += f" ({', '.join(idle)})"
        raise PluginNotFoundError(text, plugin=suggested)


def _by_priority(entries: Iterable[Entry[P]]) -> list[Entry[P]]:
    return sorted(entries, key=lambda entry: (-entry.spec.priority, entry.spec.name))
