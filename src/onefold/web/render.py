"""Templates: one Jinja environment, everything escaped, static files named by their content."""

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup

from onefold.audiences.form import operators, parts
from onefold.web import falls, timeline, view

HERE = Path(__file__).parent
STATIC = HERE / "static"
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_PACK_BYTES_MIN = 1_000


def _ops(part: parts.Part) -> list[tuple[str, str]]:
    """Comparisons to choose from; for numbers and spans in other words than for values."""
    words = {**operators.OPS, "less_than": "less than"} if part.of == "span" else operators.OPS
    if part.of == "count":
        words = {**words, "is": "exactly"}
    return [(op, words[op]) for op in part.ops]


def _counted(part: parts.Part, how: str) -> parts.Part:
    return msgspec.structs.replace(part, of="share") if how == "share" else part


def _property(suggest: str) -> parts.Part:
    """The comparisons of a property of an event, or of what a campaign said."""
    found = "touch_values" if suggest == "touches" else "property_values"
    return parts.Part("tests", "tests", ops=tuple(operators.OPS), suggest=found)


def _frames(part: parts.Part) -> list[tuple[str, str]]:
    return [f for f in operators.FRAMES if not part.calendar or f[0] in ("days", "this", "last")]


# What the builder's cards are drawn by (audiences/form/operators.py).
_BUILDER: dict[str, Any] = {
    "builder_rows": operators.BY_KIND,
    "builder_groups": [(how, label) for how, label, _ in operators.GROUPS],
    "builder_periods": operators.PERIODS,
    "builder_units": operators.UNITS,
    "builder_ops": _ops,
    "builder_counted": _counted,
    "builder_property": _property,
    "builder_frames": _frames,
}


class StaticFile:
    """A file under `static/`: its bytes, packed as well when that helps, and its name's hash."""

    def __init__(self, path: Path) -> None:
        self.body = path.read_bytes()
        self.kind = _KINDS.get(path.suffix, "application/octet-stream")
        self.version = hashlib.sha256(self.body).hexdigest()[:10]
        text = path.suffix in {".css", ".js", ".svg"}
        self.packed = (
            gzip.compress(self.body, 6, mtime=0)
            if text and len(self.body) > _PACK_BYTES_MIN
            else None
        )


@cache
def static_files() -> dict[str, StaticFile]:
    """Every file under `static/` by its path below it, read once a process."""
    return {
        path.relative_to(STATIC).as_posix(): StaticFile(path)
        for path in sorted(STATIC.rglob("*"))
        if path.is_file() and path.suffix in _KINDS
    }


def static(name: str) -> str:
    """The address of a static file; its query changes with its content."""
    found = static_files().get(name)
    return f"/static/{name}?v={found.version}" if found else f"/static/{name}"


def icon(name: str, extra: str = "") -> Markup:
    """A line icon, hidden from screen readers: its text stands beside it."""
    return Markup('<svg class="i {}" aria-hidden="true"><use href="{}#{}"/></svg>').format(
        extra, static("icons.svg"), name
    )


@cache
def environment() -> jinja2.Environment:
    """The environment, built once a process."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.globals.update(
        static=static,
        icon=icon,
        initials=view.initials,
        hue=view.hue,
        pill_of=view.pill,
        plural=view.plural,
        sparkline=view.sparkline,
        chance_of=falls.chance_of,
        share_of=falls.share_of,
        agree_hue=falls.agree_hue,
        event_title=timeline.title,
        event_detail=timeline.detail,
    )
    env.globals.update(_BUILDER)
    env.filters.update(ms=view.ms, num=view.number, words=view.words, value=view.value)
    return env


def template(name: str, values: dict[str, Any]) -> str:
    """A template's text."""
    return environment().get_template(name).render(values)
