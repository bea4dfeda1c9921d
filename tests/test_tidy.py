"""Sizes that keep the code readable: files, functions, columns, front doors.

Every old project without such a test has one monster in its middle. EXCEPTIONS may only shrink.
"""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "tests", "bench", "tools")
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
COLUMNS_MAX = 100  # of Python and SQL; markup and style sheets wrap badly
FRONT_DOOR_LINES_MAX = 40
TEXT = {".py", ".sql", ".html", ".css", ".js"}
THIRD_PARTY = ROOT / "src/onefold/web/static/vendor"

EXCEPTIONS: dict[str, str] = {}  # path from the root → why, and how it will shrink


def files() -> list[Path]:
    """Our own source files: those that Git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *FOLDERS],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode == 0 and listed.stdout:
        found = [ROOT / line for line in listed.stdout.splitlines()]
    else:
        found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    return sorted(
        path
        for path in found
        if path.suffix in TEXT and path.is_file() and not path.is_relative_to(THIRD_PARTY)
    )


def faults(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if len(lines) > FILE_LINES_MAX:
        yield f"{len(lines)} lines, at most {FILE_LINES_MAX}"
    for number, line in enumerate(lines if path.suffix in {".py", ".sql"} else [], 1):
        if len(line) > COLUMNS_MAX:
            yield f"line {number} has {len(line)} columns, at most {COLUMNS_MAX}"
    if path.suffix != ".py":
        return
    if path.name == "__init__.py" and len(lines) > FRONT_DOOR_LINES_MAX:
        yield f"a front door of {len(lines)} lines, at most {FRONT_DOOR_LINES_MAX}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"`{node.name}` has {length} lines, at most {FUNCTION_LINES_MAX}"


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_files_functions_and_lines_are_small() -> None:
    found = {name(path): list(faults(path)) for path in files() if name(path) not in EXCEPTIONS}
    assert {path: words for path, words in found.items() if words} == {}


def test_exceptions_are_still_needed() -> None:
    for path in EXCEPTIONS:
        assert list(faults(ROOT / path)), f"{path} is tidy now: take it off the list"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n" * 501, "501 lines"),
        ("def long():\n" + "    x = 1\n" * 60, "`long` has 61 lines"),
        (f"x = '{'y' * 100}'\n", "columns"),
    ],
)
def test_the_test_can_fail(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "some.py"
    path.write_text(text)
    assert any(words in fault for fault in faults(path))


def test_every_package_opens_with_what_it_is_for() -> None:
    silent = [
        name(path)
        for path in files()
        if path.suffix == ".py"
        and path.is_relative_to(ROOT / "src")
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_nothing_of_this_machine_is_written_into_the_lock_files() -> None:
    for file in ("uv.lock", "frontend/package-lock.json"):
        text = (ROOT / file).read_text(encoding="utf-8")
        for word in ("localhost", "127.0.0.1", "file://", "/root/", "/home/"):
            assert word not in text, f"{file} names {word}"
    urls = [
        line
        for line in (ROOT / "frontend/package-lock.json").read_text(encoding="utf-8").splitlines()
        if '"resolved"' in line and "https://registry.npmjs.org/" not in line
    ]
    assert urls == []
