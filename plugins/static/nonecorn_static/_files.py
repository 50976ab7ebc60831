"""What is found in the directory: looked at in a thread, and remembered for a moment.

A look is a handful of system calls, and what they are made for may be a disk that sleeps or a
network that hangs: it is taken in a thread. That costs more than all the rest of a response, so
what was found, or was not, holds for `recheck` seconds, and small files stay in memory with it,
within a bound. When the time is over one request looks again; those that come meanwhile are served
what was known, and contents that have not changed are not read again.

Paths are texts here, and not `Path` objects: those cost as much again as the system calls.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterable
from fnmatch import translate

from nonecorn.spi import Header, Headers, http_date
from nonecorn_static._opening import mark_of, open_file
from nonecorn_static._options import StaticOptions
from nonecorn_static._types import Types

SMALL = 65536
"""Bytes of files that are kept in memory."""

_SETTLED = 2.0
"""Seconds after which a change must show in a file's time, on any file system that is in use."""

_VARIANTS = ((b"zstd", ".zst"), (b"br", ".br"), (b"gzip", ".gz"))
_FOREVER = b"public, max-age=31536000, immutable"
_ABSENT = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.ENODEV}
)


class Variant:
    """One form of a file: as it is, or compressed.

    Attributes:
        path: Where it is.
        base: Directory that it is below; empty where links may lead anywhere.
        coding: Content coding; empty for none.
        size: In bytes.
        modified: POSIX seconds.
        tag: Entity tag.
        content: Its bytes, where it is small.
        headers: Of every response that is about it, 304 among them.
        described: Further ones of a response that has it, or a part of it, as content.
    """

    __slots__ = (
        "base", "coding", "content", "described", "headers", "mark", "modified", "path", "size",
        "tag",
    )  # fmt: skip

    def __init__(self, path: str, base: str, coding: bytes, facts: os.stat_result) -> None:
        self.path = path
        self.base = base
        self.coding = coding
        self.size = facts.st_size
        self.modified = int(facts.st_mtime)
        self.mark = mark_of(facts)
        self.content: bytes | None = None
        suffix = b"-" + coding if coding else b""
        self.tag = b'"%x-%x%b"' % (facts.st_mtime_ns, facts.st_size, suffix)
        if time.time() - facts.st_mtime < _SETTLED:
            # It might change once more within one tick of the file system's clock: what is the same
            # by this tag need not be the same bytes (RFC 9110 section 8.8.1).
            self.tag = b"W/" + self.tag
        self.headers: list[Header] = [(b"etag", self.tag)]
        self.described: list[Header] = [
            (b"last-modified", http_date(self.modified)),
            (b"accept-ranges", b"bytes"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if coding:
            self.described.append((b"content-encoding", coding))

    def __repr__(self) -> str:
        held = "in memory" if self.content is not None else "on disk"
        return f"<Variant {self.coding.decode() or 'plain'} {self.size} bytes {held}>"


class File:
    """A file, with all its forms.

    Attributes:
        name: Below the directory.
        variants: Those that there are, by coding; the smallest compressed ones first, the plain one
            under the empty name at the end.
        codings: Their names but the last.
        kind: Content type.
    """

    __slots__ = ("codings", "kind", "name", "variants")

    def __init__(self, name: str, variants: list[Variant], kind: bytes, more: Headers) -> None:
        self.name = name
        self.kind = kind
        variants.sort(key=lambda variant: (not variant.coding, variant.size))
        self.variants = {variant.coding: variant for variant in variants}
        self.codings = tuple(coding for coding in self.variants if coding)
        for variant in variants:
            variant.headers += more
            if self.codings:
                variant.headers.append((b"vary", b"accept-encoding"))
            variant.described.append((b"content-type", kind))

    def __repr__(self) -> str:
        return f"<File {self.name!r} {list(self.variants.values())}>"

    @property
    def memory(self) -> int:
        """Bytes of its contents that are held."""
        return sum(len(each.content) for each in self.variants.values() if each.content)


class Directory:
    """A directory that has an index, asked for without the slash at the end."""

    __slots__ = ()


class Forbidden:
    """A file that this process may not read."""

    __slots__ = ()


Found = File | Directory | Forbidden | None
DIRECTORY, FORBIDDEN = Directory(), Forbidden()


class Files:
    """The directory. Every method is for threads.

    Args:
        options: Say where it is, and what of it is served.
    """

    __slots__ = (
        "_base", "_cache_control", "_immutable", "_index", "_precompressed", "_root", "_symlinks",
        "_types",
    )  # fmt: skip

    def __init__(self, options: StaticOptions) -> None:
        self._root = os.path.realpath(options.directory)
        self._base = self._root.rstrip(os.sep) + os.sep
        self._symlinks = options.symlinks
        self._index = options.index
        self._types = Types(options.types)
        self._precompressed = options.precompressed
        self._cache_control = options.cache_control.encode("ascii")
        patterns = "|".join(translate(pattern) for pattern in options.immutable)
        self._immutable = re.compile(patterns) if patterns else None

    def __repr__(self) -> str:
        return f"<Files {self._root}>"

    def look(self, name: str, slash: bool, known: Found = None) -> Found:
        """What has that name.

        Args:
            name: A safe one.
            slash: It was followed by one: so it is a directory's, or nothing's.
            known: What was found there the last time; contents that still hold are taken over.
        """
        try:
            path, facts = self._stat(name)
            if not stat.S_ISDIR(facts.st_mode):
                return None if slash else self._file(name, path, facts, known)
        except UnicodeEncodeError:  # no name in this file system's encoding
            return None
        except OSError as error:
            return _absent(error)
        for index in self._index:
            try:
                inner = f"{name}/{index}" if name else index
                path, facts = self._stat(inner)
                if stat.S_ISREG(facts.st_mode):
                    return self._file(inner, path, facts, known) if slash else DIRECTORY
            except OSError as error:
                if _absent(error) is FORBIDDEN:
                    return FORBIDDEN
        return None

    def _stat(self, name: str) -> tuple[str, os.stat_result]:
        path = self._base + name.replace("/", os.sep) if name else self._root
        real = os.path.realpath(path, strict=True)
        if not (self._symlinks or real == self._root or real.startswith(self._base)):
            raise FileNotFoundError(errno.ENOENT, "a link leads out of the directory", path)
        return real, os.stat(real)  # noqa: PTH116  # see above

    def _file(self, name: str, path: str, facts: os.stat_result, known: Found) -> File | None:
        if not stat.S_ISREG(facts.st_mode):
            return None
        before = known.variants if isinstance(known, File) else {}
        below = "" if self._symlinks else self._base
        variants = [_with_content(Variant(path, below, b"", facts), before)]
        if self._precompressed:
            variants += self._compressed(name, below, facts, before)
        more: Headers = []
        forever = self._immutable is not None and self._immutable.match(name)
        cache_control = _FOREVER if forever else self._cache_control
        if cache_control:
            more.append((b"cache-control", cache_control))
        return File(name, variants, self._types.of(name), more)

    def _compressed(
        self, name: str, below: str, plain: os.stat_result, before: dict[bytes, Variant]
    ) -> Iterable[Variant]:
        """The compressed forms beside a file; not what is older than it, and so of another one."""
        for coding, suffix in _VARIANTS:
            try:
                path, facts = self._stat(name + suffix)
                if stat.S_ISREG(facts.st_mode) and int(facts.st_mtime) >= int(plain.st_mtime):
                    yield _with_content(Variant(path, below, coding, facts), before)
            except OSError:
                continue


def _with_content(variant: Variant, before: dict[bytes, Variant]) -> Variant:
    """The same with its content in memory, where it is small.

    Raises:
        OSError: It cannot be read.
    """
    known = before.get(variant.coding)
    if known is not None and known.mark == variant.mark and known.path == variant.path:
        variant.content = known.content
    elif variant.size <= SMALL:
        file, facts = open_file(variant.path, variant.base)
        try:
            content = os.read(file, variant.size + 1)
        finally:
            os.close(file)
        # Otherwise it has changed under our eyes: who sends it will see.
        if mark_of(facts) == variant.mark and len(content) == variant.size:
            variant.content = content
    elif not os.access(variant.path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), variant.path)
    return variant


def _absent(error: OSError) -> Forbidden | None:
    """What it means that a file cannot be looked at.

    Raises:
        OSError: It says nothing of the file: the disk fails, or descriptors have run out.
    """
    if isinstance(error, PermissionError):
        return FORBIDDEN
    if error.errno in _ABSENT:
        return None
    raise error
