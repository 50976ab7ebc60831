"""Loading applications, from modules and files that each test writes."""

from __future__ import annotations

import itertools
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nonecorn.builtin.app_loader import load
from nonecorn.config.schema import ServerSettings
from nonecorn.spi import AppLoadError
from nonecorn.testing.context import make_app_context

Write = Callable[..., str]
numbers = itertools.count()


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current directory, importable as the server makes it."""
    known = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]


@pytest.fixture
def write(directory: Path) -> Write:
    """Write a module of a new name, and tell the name."""

    def write_one(source: str, name: str = "") -> str:
        name = name or f"written_{next(numbers)}"
        path = directory / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return name

    return write_one


def find(target: str, **settings: Any) -> Any:
    return load(target, make_app_context([ServerSettings(**settings)]))


def failure(target: str, **settings: Any) -> AppLoadError:
    with pytest.raises(AppLoadError) as caught:
        find(target, **settings)
    assert "\n" not in str(caught.value)
    return caught.value


# What is found ------------------------------------------------------------------------------------


def test_a_module_and_an_attribute(write: Write) -> None:
    name = write("site = object()")
    assert find(f"{name}:site") is sys.modules[name].site


def test_an_attribute_path(write: Write) -> None:
    name = write("class Box: inner = 'app'")
    assert find(f"{name}:Box.inner") == "app"


@pytest.mark.parametrize(
    ("source", "found"),
    [("app = 'a'; application = 'b'", "a"), ("application = 'b'", "b")],
)
def test_a_module_alone_means_app_then_application(write: Write, source: str, found: str) -> None:
    name = write(source)
    assert find(name) == found
    assert find(f"{name}:") == found


def test_a_factory_is_called(write: Write) -> None:
    name = write("def make(): return 'made'\ndef create_app(debug=False, **more): return 'default'")
    assert find(f"{name}:make", factory=True) == "made"
    assert find(name, factory=True) == "default"


def test_a_file(write: Write) -> None:
    name = write("app = 'a'\nother = 'b'")
    assert find(f"{name}.py") == "a"
    assert find(f"./{name}.py:other") == "b"
    assert name in sys.modules


def test_a_file_elsewhere_can_import_its_neighbours(write: Write) -> None:
    neighbour = write("value = 'n'", f"sub/neighbour_{next(numbers)}").partition("/")[2]
    name = write(f"from {neighbour} import value as app", f"sub/main_{next(numbers)}")
    assert find(f"{name}.py") == "n"


def test_a_file_of_a_package_can_import_relatively(write: Write) -> None:
    package = f"package_{next(numbers)}"
    write("", f"outer/{package}/__init__")
    write("value = 'relative'", f"outer/{package}/parts")
    write("from .parts import value as app", f"outer/{package}/main")
    assert find(f"outer/{package}/main.py:app") == "relative"
    assert f"{package}.main" in sys.modules


def test_a_packages_own_file(write: Write) -> None:
    package = f"package_{next(numbers)}"
    write("app = 'p'", f"{package}/__init__")
    assert find(f"{package}/__init__.py") == "p"
    assert package in sys.modules


@pytest.mark.parametrize("stem", ["json", "my-app", "version.1"])
def test_a_file_whose_name_is_taken_or_no_module_name(write: Write, stem: str) -> None:
    import json

    path = Path(f"{stem}.py")
    path.write_text("class app: pass")
    app = find(str(path))
    assert app.__name__ == "app"
    assert find(str(path)) is app
    assert sys.modules["json"] is json


def test_an_absolute_file(write: Write, directory: Path) -> None:
    name = write("app = 'abs'")
    assert find(f"{directory / name}.py:app") == "abs"


@pytest.mark.parametrize(
    "target", ["", "static://dir", "a b", "wsgi:module:app/x", "-", "path/to/dir", ":app"]
)
def test_other_forms_are_left_to_other_loaders(directory: Path, target: str) -> None:
    assert find(target) is None


# What is not --------------------------------------------------------------------------------------


def test_nothing_is_evaluated(write: Write) -> None:
    name = write("def create_app(): raise SystemExit")
    assert str(failure(f"{name}:create_app()")) == (
        f"'{name}:create_app()': 'create_app()' is an expression, and none is evaluated: "
        f"write {name}:create_app with --factory"
    )
    assert "dotted name" in str(failure(f"{name}:create_app() or 1"))
    assert "dotted name" in str(failure(f"{name}:a.1"))
    assert name not in sys.modules


def test_a_missing_module_is_told_without_a_traceback(directory: Path) -> None:
    error = failure("nowhere_at_all:app")
    assert str(error) == (
        "'nowhere_at_all:app': there is no module 'nowhere_at_all': "
        "check its name, or name its directory with --app-dir"
    )
    assert error.__cause__ is None


def test_a_missing_module_has_a_near_match(write: Write, directory: Path) -> None:
    write("", "shop_backend")
    error = failure("shop_bakend:app", app_dir=str(directory))
    assert str(error).endswith("did you mean 'shop_backend'?")


def test_a_dot_in_place_of_the_colon_is_seen(write: Write) -> None:
    name = write("app = 1")
    assert str(failure(f"{name}.app")).endswith(f"did you mean '{name}:app'?")


def test_a_missing_part_of_a_package_is_the_module_that_is_missing(write: Write) -> None:
    package = f"package_{next(numbers)}"
    write("", f"{package}/__init__")
    error = failure(f"{package}.main:app")
    assert f"there is no module '{package}.main'" in str(error)
    assert error.__cause__ is None


def test_a_failed_import_inside_the_module_is_the_applications_own_error(write: Write) -> None:
    name = write("\nimport not_installed_anywhere\n")
    error = failure(f"{name}:app")
    assert str(error) == (
        f"'{name}:app' cannot be imported: "
        "ModuleNotFoundError: No module named 'not_installed_anywhere'"
    )
    assert isinstance(error.__cause__, ModuleNotFoundError)
    (frame,) = traceback.extract_tb(error.__cause__.__traceback__)
    assert frame.filename.endswith(f"{name}.py")
    assert frame.lineno == 2


@pytest.mark.parametrize("file", [False, True])
def test_an_error_while_importing_keeps_its_traceback(write: Write, file: bool) -> None:
    name = write("def f():\n    raise ValueError('first\\nsecond')\nf()\n")
    error = failure(f"{name}.py" if file else name)
    assert str(error).endswith("cannot be imported: ValueError: first")
    assert isinstance(error.__cause__, ValueError)
    frames = traceback.extract_tb(error.__cause__.__traceback__)
    assert [frame.lineno for frame in frames] == [3, 2]


def test_a_syntax_error_is_told(write: Write) -> None:
    error = failure(write("def ("))
    assert "SyntaxError" in str(error)
    assert isinstance(error.__cause__, SyntaxError)


def test_an_error_without_text_is_told_by_its_name(write: Write) -> None:
    assert str(failure(write("raise KeyError"))).endswith("cannot be imported: KeyError")


def test_a_missing_file_is_named(directory: Path) -> None:
    assert "there is no file lost.py" in str(failure("lost.py:app").args[0])


def test_a_missing_attribute_has_a_near_match(write: Write) -> None:
    name = write("application = 1\nclass Box: inner = 1")
    assert str(failure(f"{name}:aplication")).endswith("did you mean 'application'?")
    assert str(failure(f"{name}:Box.iner")) == (
        f"'{name}:Box.iner': 'Box' has no attribute 'iner': did you mean 'inner'?"
    )


def test_a_missing_attribute_names_what_may_be_applications(write: Write) -> None:
    source = (
        "import os\nfrom typing import Any, Optional\n"
        "class Framework:\n    def __call__(self): pass\n"
        "api = Framework()\n_private = Framework()\ndef helper(): pass\nnumber = 1\n"
    )
    name = write(source)
    assert (
        str(failure(name)) == f"'{name}': {name} has no 'app' or 'application': did you mean 'api'?"
    )
    assert str(failure(f"{name}:zzz")).endswith("has no attribute 'zzz': did you mean 'api'?")


def test_a_factory_without_the_flag_is_seen(write: Write) -> None:
    name = write("def create_app(): pass")
    assert str(failure(name)).endswith("it has 'create_app': add --factory")
    assert str(failure(f"{name}:create_app")).endswith("so it is a factory: add --factory")


def test_functions_with_arguments_are_not_taken_for_factories(write: Write) -> None:
    name = write("def wsgi(environ, start): pass\nasync def asgi(*args): pass")
    assert find(f"{name}:wsgi").__name__ == "wsgi"
    assert find(f"{name}:asgi").__name__ == "asgi"


def test_an_application_that_is_none_is_told(write: Write) -> None:
    assert "is None" in str(failure(write("app = None")))


def test_a_factory_that_needs_arguments_is_told(write: Write) -> None:
    name = write("def make(config, *, debug, level=1): pass")
    assert "needs arguments (config, debug)" in str(failure(f"{name}:make", factory=True))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("make = 1", "cannot be called"),
        ("async def make(): pass", "is async"),
        ("def make(): pass", "returned None"),
        ("def make(): raise RuntimeError('no')", "failed: RuntimeError: no"),
    ],
)
def test_a_factory_that_makes_nothing_is_told(write: Write, source: str, text: str) -> None:
    assert text in str(failure(f"{write(source)}:make", factory=True))


def test_an_error_in_a_factory_keeps_its_traceback(write: Write) -> None:
    name = write("def make():\n    1 / 0\n")
    error = failure(f"{name}:make", factory=True)
    assert isinstance(error.__cause__, ZeroDivisionError)
    (frame,) = traceback.extract_tb(error.__cause__.__traceback__)
    assert frame.name == "make"


def test_a_default_factory_that_is_missing_is_told(write: Write) -> None:
    assert "has no 'create_app'" in str(failure(write("app = 1"), factory=True))


def test_leaving_the_program_is_not_held_back(write: Write) -> None:
    with pytest.raises(SystemExit):
        find(write("raise SystemExit(7)"))
