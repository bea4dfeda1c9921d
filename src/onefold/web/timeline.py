"""The timeline as people read it: days in the viewer's zone, runs of equal events folded into one.

Pure. Events come newest first, as `record.timeline` answers them.
"""

from collections.abc import Mapping, Sequence
from datetime import date, tzinfo
from itertools import groupby
from typing import Any

import msgspec

from onefold.web import view

Event = Mapping[str, Any]

_ICONS: dict[str, tuple[str, view.Hue]] = {
    "product": ("click", "gray"),
    "website": ("page", "gray"),
    "billing": ("card", "amber"),
    "support": ("support", "blue"),
    "email": ("mail", "blue"),
    "crm": ("user", "green"),
    "system": ("system", "gray"),
}
_KIND_ICONS: dict[str, tuple[str, view.Hue]] = {
    "identify": ("person", "green"),
    "page": ("page", "gray"),
    "screen": ("page", "gray"),
    "group": ("account", "gray"),
    "alias": ("link", "gray"),
    "audience": ("audience", "gray"),
}
_NAME_ICONS: dict[str, tuple[str, view.Hue]] = {
    "ticket": ("ticket", "blue"),
    "task": ("task", "green"),
    "signal": ("signal", "amber"),
    "audience": ("audience", "gray"),
}
_BAD = ("failed", "error", "declined", "bounced", "cancelled", "canceled", "churn")
# What makes one event of a name differ from another to a reader, most telling first.
_TELLING = (
    "subject", "title", "error", "reason", "feature", "report", "format", "plan", "audience",
    "campaign", "status", "path", "url", "name", "amount",
)  # fmt: skip


class Run(msgspec.Struct, frozen=True):
    """Equal events in a row, newest first; what is shown for it is of the newest."""

    events: tuple[Event, ...]
    icon: str
    hue: view.Hue
    title: str
    detail: str

    @property
    def first(self) -> Event:
        """The newest event of the run."""
        return self.events[0]

    @property
    def people(self) -> list[Mapping[str, str]]:
        """Who they were, where a timeline is of several people."""
        found = {e["person"]["id"]: e["person"] for e in self.events if e.get("person")}
        return list(found.values())

    @property
    def n(self) -> int:
        """How many."""
        return len(self.events)


class Day(msgspec.Struct, frozen=True):
    """One day of the viewer's calendar, newest first."""

    day: date
    label: str
    runs: tuple[Run, ...]


def days(events: Sequence[Event], tz: tzinfo, now_ms: int) -> list[Day]:
    """Events by day, each day's runs of equal events folded. Keeps the order and every event."""
    today = view.local(now_ms, tz).date()

    def day_of(event: Event) -> date:
        return view.local(view.ms(event["at"]) or 0, tz).date()

    return [
        Day(day, view.day_label(day, today), tuple(fold(list(group))))
        for day, group in groupby(events, key=day_of)
    ]


def fold(events: Sequence[Event]) -> list[Run]:
    """Neighbours that read alike become one run."""
    out = []
    for _, group in groupby(events, key=_likeness):
        run = tuple(group)
        icon, colour = _picture(run[0])
        out.append(Run(run, icon, colour, title(run[0]), detail(run[0])))
    return out


def title(event: Event) -> str:
    """What happened, in a few words."""
    kind, name = event.get("kind", "track"), str(event.get("name") or "")
    if kind == "identify":
        return "Identified"
    if kind == "page":
        return "Viewed page"
    if kind == "screen":
        return "Viewed screen"
    if kind == "group":
        return "Joined account"
    if kind == "alias":
        return "Identifier linked"
    return name or "Event"


def detail(event: Event) -> str:
    """The one property that tells most, or nothing."""
    kind, props = event.get("kind", "track"), event.get("properties") or {}
    if kind in ("page", "screen"):
        name = str(event.get("name") or "")
        generic = name in ("", "Page Viewed", "Screen Viewed")
        found = props.get("path") or props.get("name") or props.get("url") or props.get("title")
        return view.value(found, 120) if found else ("" if generic else name)
    if kind == "group":
        return str(event.get("account") or "")
    if kind == "audience":
        why = props.get("why") or ()
        return "; ".join(str(w.get("text", "")) for w in why if isinstance(w, Mapping))[:200]
    if isinstance(props.get("changes"), Mapping):
        return "; ".join(_changed(str(k), v, props) for k, v in props["changes"].items())[:200]
    if str(event.get("name") or "").startswith("Contact ") and event.get("source") == "crm":
        name = " ".join(str(props[k]) for k in ("first_name", "last_name") if props.get(k))
        return name or str(props.get("email") or "")
    for key in _TELLING:
        if isinstance(props.get(key), str | int | float) and props[key] not in ("", None):
            return view.value(props[key], 120)
    return ""


def _changed(field: str, change: Any, props: Mapping[str, Any]) -> str:
    """`Owner: Ines Calloway`, `Risk: critical`, `Due at removed`."""
    new = change[1] if isinstance(change, list) and len(change) == 2 else change
    if field == "owner_id":
        field, new = "owner", props.get("owner") or new
    label = view.words(field)
    return f"{label} removed" if new in (None, "", []) else f"{label}: {view.value(new, 80)}"


def _likeness(event: Event) -> tuple[str, str, str, str]:
    kind = str(event.get("kind", "track"))
    page = detail(event) if kind in ("page", "screen") else ""
    return kind, str(event.get("name") or ""), str(event.get("source") or ""), page


def _picture(event: Event) -> tuple[str, view.Hue]:
    kind, name = str(event.get("kind", "track")), str(event.get("name") or "").casefold()
    if any(word in name for word in _BAD):
        return "warn", "red"
    if kind in _KIND_ICONS:
        return _KIND_ICONS[kind]
    for start, picture in _NAME_ICONS.items():
        if name.startswith(start):
            return picture
    return _ICONS.get(str(event.get("category") or ""), ("click", "gray"))
