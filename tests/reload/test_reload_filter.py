"""Which files count, by their names."""

import os

import pytest

from nonecorn.reload.filter import Depth, Filter
from nonecorn.reload.globs import Globs


def counts(path: str, include=(), exclude=(), root="/srv/shop") -> bool:
    """Whether a file does, by the way that a look takes to it."""
    select = Filter(root, include, exclude)
    parts = path.split("/")
    depth = Depth.PLAIN
    for end in range(1, len(parts)):
        depth = select.directory(parts[:end], depth)
        if depth is None:
            return False
    return select.file(parts, depth)


@pytest.mark.parametrize("path", ["app.py", "shop/views.py", "build/lib/x.py", "env/x.py"])
def test_python_source_counts(path):
    assert counts(path)


@pytest.mark.parametrize("path", ["a.html", "a.pyc", "py", "shop.py/readme", "a.pyi", "a.py.orig"])
def test_nothing_else_does(path):
    assert not counts(path)


@pytest.mark.parametrize(
    "path",
    [
        ".git/hooks/x.py", ".venv/lib/x.py", "node_modules/a/b.py", "a/__pycache__/x.py",
        "lib/site-packages/x.py", "a/.#views.py", "a/#views.py#", "a/views.py~", ".views.py.swp",
        "views.py.swp", "flycheck_views.py", "views_flymake.py", "a/views.py___jb_tmp___",
        ".tox/x.py", "shop.egg-info/x.py",
    ],
)  # fmt: skip
def test_what_tools_leave_behind_does_not(path):
    assert not counts(path)


def test_an_include_adds_to_python_source():
    assert counts("a/b/index.html", include=["*.html"])
    assert counts("a/b/views.py", include=["*.html"])
    assert not counts("a/b/style.css", include=["*.html"])


def test_an_included_directory_stands_for_all_that_is_in_it():
    assert counts("shop/templates/mail/order.txt", include=["templates"])
    assert counts("shop/templates/mail/order.txt", include=["shop/templates/"])
    assert not counts("shop/templates/mail/.order.txt.swp", include=["templates"])
    assert not counts("shop/templates/__pycache__/x.pyc", include=["templates"])


def test_an_exclude_wins_over_an_include():
    assert not counts("shop/x.html", include=["*.html"], exclude=["*.html"])
    assert not counts("shop/x.html", include=["shop/x.html"], exclude=["shop"])
    assert not counts("shop/deep/x.py", exclude=["shop/deep"])
    assert counts("other/deep/x.py", exclude=["shop/deep"])


def test_an_include_wins_over_what_is_left_out_by_default():
    assert counts(".env", include=[".env"])
    assert counts("a/flycheck_me.py", include=["flycheck_*"])
    assert counts(".config/shop/site.toml", include=[".config/**/*.toml"])
    assert not counts(".config/shop/site.py", include=[".config/**/*.toml"])
    assert not counts(".git/config", include=["config"])


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.py", "a/b/c.py", True),
        ("tests", "tests", True),
        ("tests", "a/tests", True),
        ("tests", "a/tests2", False),
        ("./tests", "tests", True),
        ("tests/", "a/tests", True),
        ("a/*.py", "a/b.py", True),
        ("a/*.py", "a/b/c.py", False),
        ("a/*.py", "x/a/b.py", False),
        ("a/**", "a/b/c.py", True),
        ("**/data/*.json", "data/x.json", True),
        ("**/data/*.json", "a/b/data/x.json", True),
        ("**/data/*.json", "a/data/b/x.json", False),
        ("a/?[0-9].py", "a/x7.py", True),
        ("a/?[0-9].py", "a/x.py", False),
        ("/srv/shop/a", "a", True),
        ("/srv/shop/a", "b/a", False),
        ("/srv/other/a", "a", False),
        ("/srv/shop/a/*.py", "a/b.py", True),
        ("a.b", "axb", False),
        ("", "a", False),
        ("../a", "a", False),
    ],
)
def test_patterns(pattern, path, expected):
    if pattern.startswith("/") and os.name == "nt":
        pytest.skip("an absolute path has a drive there")
    assert Globs([pattern], "/srv/shop").match(path.split("/")) is expected


def test_case_matters_where_it_does_for_the_system():
    same = os.path.normcase("A") == "a"
    assert Globs(["*.PY"]).match(["a.py"]) is same


def test_reprs_name_the_patterns():
    assert repr(Globs(["a", "b/*"])) == "<Globs a b/*>"
    assert "exclude=<Globs x>" in repr(Filter("/", [], ["x"]))
