"""How values read on a page: times, names, statuses, sentences. Pure; the doors pass the clock in.

Times arrive as ISO text, `datetime` or milliseconds and are turned to milliseconds once (`ms`).
"""

import re
import zlib
from datetime import date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from onefold.kernel import clock

Hue = str  # gray, blue, green, amber or red

_PILLS: dict[str, tuple[Hue, str]] = {
    "open": ("blue", "Open"),
    "paused": ("amber", "Paused"),
    "resolved": ("green", "Solved"),
    "done": ("green", "Done"),
    "cancelled": ("gray", "Cancelled"),
    "warning": ("amber", "Warning"),
    "critical": ("red", "Critical"),
    "low": ("gray", "Low"),
    "medium": ("gray", "Medium"),
    "high": ("amber", "High"),
    "urgent": ("red", "Urgent"),
    "live": ("green", "Live"),
    "building": ("amber", "Building"),
    "deleted": ("gray", "Deleted"),
    "pending": ("amber", "Waiting"),
    "sent": ("green", "Sent"),
    "failed": ("red", "Failed"),
    "enabled": ("green", "On"),
    "disabled": ("gray", "Off"),
    "revoked": ("gray", "Revoked"),
    "active": ("green", "Active"),
    "green": ("green", "Healthy"),
    "amber": ("amber", "At risk"),
    "yellow": ("amber", "Concerning"),
    "red": ("red", "Poor"),
    "known": ("green", "Known"),
    "processed": ("green", "Processed"),
    "duplicate": ("gray", "Repeat"),
    "refused": ("red", "Refused"),
    "filtered": ("amber", "Filtered"),
    "waiting": ("blue", "Waiting"),
    "replayed": ("green", "Replayed"),
    "dropped": ("gray", "Dropped"),
    "anonymous": ("gray", "Anonymous"),
    "won": ("green", "Won"),
    "lost": ("red", "Lost"),
    "new": ("blue", "New"),
    "attempting": ("amber", "Attempting"),
    "connected": ("blue", "Connected"),
    "qualified": ("green", "Qualified"),
    "unqualified": ("gray", "Unqualified"),
    "converted": ("green", "Converted"),
    "hot": ("red", "Hot"),
    "warm": ("amber", "Warm"),
    "cold": ("blue", "Cold"),
    "trial": ("blue", "Trial"),
    "past_due": ("red", "Past due"),
    "ended": ("gray", "Ended"),
    "call": ("gray", "Call"),
    "meeting": ("gray", "Meeting"),
    "email": ("gray", "E-mail"),
    "note": ("gray", "Note"),
}


_ACRONYMS = frozenset(("id", "url", "mrr", "arr", "acv", "nps", "vat", "ip", "sso", "crm"))
_HUMP = re.compile(r"([a-z])([A-Z])(?![A-Z])")


def ms(value: Any) -> int | None:
    """Milliseconds since 1970 UTC of an ISO text, a datetime or milliseconds; None for no time."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value)
    if isinstance(value, datetime):
        return clock.from_datetime(value)
    try:
        return clock.from_datetime(datetime.fromisoformat(str(value)))
    except ValueError:
        return None


def zone(name: str | None) -> tzinfo:
    """The time zone a browser named; UTC for an unknown one."""
    if name and re.fullmatch(r"[A-Za-z0-9_+\-/]{1,64}", name):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    return ZoneInfo("UTC")


def local(at_ms: int, tz: tzinfo) -> datetime:
    """The instant on the wall of that zone, kept within what `datetime` can hold."""
    margin = clock.DAY_MS
    return clock.to_datetime(
        min(max(at_ms, clock.MS_MIN + margin), clock.MS_MAX - margin)
    ).astimezone(tz)


def ago(at_ms: int, now_ms: int, tz: tzinfo) -> str:
    """ "just now", "5 min ago", "in 2 h", and the date when it is 30 days off or more."""
    seconds = round(abs(now_ms - at_ms) / 1000)
    future = at_ms > now_ms and seconds >= 45
    if seconds < 45:
        return "just now"
    for under, size, unit in ((3600, 60, "min"), (86_400, 3600, "h"), (2_592_000, 86_400, "d")):
        if seconds < under:
            amount = f"{max(1, seconds // size)} {unit}"
            return f"in {amount}" if future else f"{amount} ago"
    return short_date(local(at_ms, tz).date(), local(now_ms, tz).date())


def short_date(day: date, today: date) -> str:
    """`17 Nov`, with the year when it is another one."""
    text = f"{day.day} {day:%b}"
    return text if day.year == today.year else f"{text} {day.year}"


def day_label(day: date, today: date) -> str:
    """`Today`, `Yesterday`, `Monday 17 Nov`, `17 Nov 2025`."""
    if day == today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    if timedelta(0) < today - day < timedelta(days=7):
        return f"{day:%A} {short_date(day, today)}"
    return short_date(day, today)


def due_label(at_ms: int, now_ms: int, tz: tzinfo) -> tuple[Hue, str]:
    """How a due date reads: overdue is red, today amber."""
    day, today = local(at_ms, tz).date(), local(now_ms, tz).date()
    if day < today:
        return "red", f"Overdue, {short_date(day, today)}"
    if day == today:
        return "amber", "Today"
    if day == today + timedelta(days=1):
        return "gray", "Tomorrow"
    return "gray", short_date(day, today)


def exact(at_ms: int, tz: tzinfo) -> str:
    """The whole instant for a title: in the viewer's zone, and in UTC."""
    here, utc = local(at_ms, tz), local(at_ms, ZoneInfo("UTC"))
    text = f"{utc:%d %b %Y, %H:%M:%S} UTC"
    if str(tz) in {"UTC", "Etc/UTC"}:
        return text
    return f"{here:%d %b %Y, %H:%M:%S} {tz} · {text}"


def initials(name: str, fallback: str = "") -> str:
    """One or two letters for an avatar, in any script; `?` when there is nothing to take."""
    text = name.strip() or fallback.partition("@")[0]
    words = [w for w in re.split(r"[\s._\-@+]+", text) if w]
    letters = [next((c for c in w if c.isalnum()), "") for w in words]
    letters = [c for c in letters if c]
    if not letters:
        return "?"
    return (letters[0] + (letters[-1] if len(letters) > 1 else "")).upper()[:2]


def hue(text: str) -> int:
    """Which of the eight avatar colours; the same for the same text."""
    return zlib.crc32(text.encode("utf-8", "replace")) % 8


def pill(status: str) -> tuple[Hue, str]:
    """Colour and word of a status. A status not known here keeps its own word, in gray."""
    return _PILLS.get(status, ("gray", words(status)))


def words(key: str) -> str:
    """`usage_drop` → `Usage drop`, `firstName` → `First name`, `mrr` → `MRR`."""
    apart = _HUMP.sub(lambda hump: f"{hump[1]} {hump[2].lower()}", key)
    text = apart.replace("_", " ").strip()
    if text.casefold() in _ACRONYMS:
        return text.upper()
    return text[:1].upper() + text[1:]


def number(value: float | None) -> str:
    """`12,345`, `3.5`; a dash for nothing."""
    if value is None:
        return "–"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.1f}"
    return f"{int(value):,}"


def plural(n: int, one: str, many: str | None = None) -> str:
    """`1 person`, `3 people`, `1,284 tickets`."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def value(thing: Any, chars_max: int = 400) -> str:
    """A trait's or property's value as text: plain for text and numbers, JSON for the rest."""
    if thing is None:
        return "–"
    if isinstance(thing, bool):
        return "Yes" if thing else "No"
    if isinstance(thing, str):
        text = thing
    elif isinstance(thing, int | float):
        text = f"{thing:,}" if abs(thing) >= 10_000 and isinstance(thing, int) else str(thing)
    else:
        text = msgspec.json.encode(thing).decode()
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


def sparkline(values: list[int], width: int = 84, height: int = 24) -> list[dict[str, Any]]:
    """Bars of a small chart: x, y, width, height in pixels; `nil` for a day without anything."""
    if not values:
        return []
    step = width / len(values)
    top = max(*values, 1) if len(values) > 1 else max(values[0], 1)
    bars = []
    for index, n in enumerate(values):
        tall = max(1.0, round(n / top * height, 1)) if n > 0 else 1.0
        bars.append(
            {
                "x": round(index * step, 1),
                "y": round(height - tall, 1),
                "w": round(max(1.0, step - 1.5), 1),
                "h": tall,
                "nil": n <= 0,
            }
        )
    return bars
