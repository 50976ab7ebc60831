"""References: names of objects that are imported only where they are used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from nonecorn.spi.errors import BadSpecError, PluginLoadError

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)  # no slots: `Ref[X](…)` sets an attribute
class Ref(Generic[T_co]):
    """An object by name, `package.module:attribute`, picklable and not yet imported.

    A descriptor returns references so that naming a protocol costs nothing: the module behind it is
    imported by `load`, in the process that uses the object.

    Args:
        path: Dotted module path, a colon, and a dotted attribute path.

    Raises:
        BadSpecError: The path is not of that form.
    """

    path: str

    def __post_init__(self) -> None:
        module, colon, attribute = self.path.partition(":")
        names = (*module.split("."), *attribute.split("."))
        if not colon or not all(name.isidentifier() for name in names):
            message = f"{self.path!r} is no reference: write 'package.module:attribute'"
            raise BadSpecError(message)

    def load(self) -> T_co:
        """Import the module and return the object.

        Raises:
            BadSpecError: The module has no such attribute.
            PluginLoadError: The module, or one that it needs, cannot be imported.
        """
        module, _, attribute = self.path.partition(":")
        try:
            target: Any = importlib.import_module(module)
        except ImportError as error:
            message = f"{self.path!r} cannot be imported: {error}"
            raise PluginLoadError(message) from error
        for name in attribute.split("."):
            try:
                target = getattr(target, name)
            except AttributeError:
                message = f"{self.path!r}: {module} has no attribute {attribute!r}"
                raise BadSpecError(message) from None
        return target  # type: ignore[no-any-return]
