"""The docs name everything that there is: settings, commands, routes, limits of the house."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from onefold.app import http
from onefold.kernel import settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / "reference" / name).read_text(encoding="utf-8")


def test_every_setting_has_a_description_and_is_documented() -> None:
    assert list(settings.DESCRIPTIONS) == list(settings.Settings.__struct_fields__)
    text = page("settings.md")
    for name, words in settings.DESCRIPTIONS.items():
        assert f"| `ONEFOLD_{name.upper()}` |" in text, name
        assert words in text, name


def test_every_route_is_documented() -> None:
    text = page("api.md")
    paths = http.openapi_paths()
    assert paths
    assert [path for path in paths if f" {path}`" not in text] == []


def test_the_generated_parts_are_as_make_docs_writes_them() -> None:
    """In a process of its own: the command line's module sets up more than a test wants."""
    script = (
        "import sys; sys.path.insert(0, 'tools'); import docs\n"
        "old = [n for n in docs.PAGES"
        " if (docs.REFERENCE / n).read_text(encoding='utf-8') != docs.renewed(n)]\n"
        "sys.exit('run `make docs`: ' + ', '.join(old) if old else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_make_target_named_in_the_docs_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert 0 < len(targets) <= 12
    for path in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        named = re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(named) <= targets, path


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda p: p.name
)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name} → {target}"
