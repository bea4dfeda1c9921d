"""Fields as data, and the one validation of what people and tools send.

`clean` looks at every field before it answers, so that a form shows all that is wrong at once.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import email_validator
import msgspec

from onefold.kernel import clock, errors, ids, limits

FieldKind = Literal[
    "line",
    "text",
    "email",
    "domain",
    "enum",
    "tags",
    "ref",
    "time",
    "date",
    "number",
    "money",
    "flag",
]


_NUMBER_MAX = 10**12


class Field(msgspec.Struct, frozen=True):
    """One field that callers may set.

    `options` of an enum; `prefix` of a reference's ids; `required` when creating; `once`: only when
    creating; `virtual`: no column, the object's own rule uses it up. `least` and `most` of a whole
    number; `base`: the column with a sum of money in the base currency. `label` is for pages.
    """

    name: str
    kind: FieldKind = "line"
    chars_max: int = limits.name_chars_max
    options: tuple[str, ...] = ()
    prefix: str = ""
    required: bool = False
    once: bool = False
    virtual: bool = False
    least: int = 0
    most: int = 2**31 - 1
    base: str = ""
    label: str = ""

    @property
    def title(self) -> str:
        """What pages call it."""
        words = self.name.removesuffix("_id").removesuffix("_at").replace("_", " ")
        return self.label or words.capitalize()


def clean(
    fields: Sequence[Field], read_only: Iterable[str], values: Mapping[str, Any], *, creating: bool
) -> tuple[dict[str, Any], list[errors.Fault]]:
    """The values as columns hold them, and everything that is wrong with them.

    References become row ids, times aware datetimes, tags lists, empty texts "".
    """
    known = {f.name: f for f in fields}
    out: dict[str, Any] = {}
    faults: list[errors.Fault] = []
    for name, value in values.items():
        field = known.get(name)
        if field is None:
            faults.append(unknown(name, known, read_only))
        elif field.once and not creating:
            faults.append(errors.Fault(name, "can't be changed once it is set.", "Leave it out."))
        else:
            try:
                out[name] = _READERS[field.kind](field, value)
            except errors.Invalid as invalid:
                faults.extend(invalid.faults)
    faulty = {f.field for f in faults}
    for field in fields:
        if not field.required or field.name in faulty:
            continue
        missing = creating and field.name not in out
        if missing or (field.name in out and out[field.name] == ""):
            problem = "is missing." if missing else "is empty."
            faults.append(errors.Fault(field.name, problem, "Give it a value."))
    return out, faults


def unknown(name: Any, known: Iterable[str], read_only: Iterable[str] = ()) -> errors.Fault:
    """The fault of a name that is not known, with the likely slip."""
    shown = str(name)[:60]
    if name in set(read_only):
        return errors.Fault(shown, "can be read, not set.", "Leave it out.")
    names = sorted(known)
    near = difflib.get_close_matches(shown, names, n=1, cutoff=0.6)
    remedy = f"Did you mean `{near[0]}`?" if near else f"Known are {', '.join(names)}."
    return errors.Fault(shown, "is not a field here.", remedy)


def enum(name: str, value: Any, options: Sequence[str]) -> str:
    """One of the options. Raises `Invalid` naming them, and the likely slip."""
    if isinstance(value, str) and value in options:
        return value
    near = difflib.get_close_matches(str(value)[:60].lower(), options, n=1, cutoff=0.6)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    raise _invalid(
        name, f"`{str(value)[:60]}` is not a choice.", f"Use one of {', '.join(options)}.{hint}"
    )


def email(name: str, value: Any) -> str:
    """An address in lower case, checked for syntax alone; "" for none."""
    text = _text(name, value, limits.email_chars_max)
    if not text:
        return ""
    try:
        # `test_environment` lets `.test` through: demos and rehearsals use it.
        found = email_validator.validate_email(
            text, check_deliverability=False, test_environment=True
        )
    except email_validator.EmailNotValidError as error:
        raise _invalid(name, f"`{text[:100]}` is not an e-mail address.", str(error)) from None
    return found.normalized.lower()


def _line(field: Field, value: Any) -> str:
    return " ".join(_text(field.name, value, field.chars_max).split())


def _long(field: Field, value: Any) -> str:
    return _text(field.name, value, field.chars_max)


def _email(field: Field, value: Any) -> str:
    return email(field.name, value)


def _domain(field: Field, value: Any) -> str:
    text = _text(field.name, value, field.chars_max).lower()
    if not text:
        return ""
    host = text.split("://", 1)[-1].split("/", 1)[0].removeprefix("www.")
    try:
        return email_validator.validate_email(
            f"a@{host}", check_deliverability=False, test_environment=True
        ).ascii_domain
    except email_validator.EmailNotValidError:
        raise _invalid(
            field.name, f"`{text[:100]}` is not a domain.", "Send one like `acme.com`."
        ) from None


def _enum(field: Field, value: Any) -> str:
    return enum(field.name, value, field.options)


def _tags(field: Field, value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise _invalid(field.name, "must be a list of texts.", 'Send `["exports"]`.')
    found = [" ".join(_text(field.name, tag, limits.record_tag_chars_max).split()) for tag in value]
    tags = list(dict.fromkeys(tag.lower() for tag in found if tag))
    if len(tags) > limits.record_tags_max:
        raise _invalid(
            field.name, f"has {len(tags)} tags.", f"Use at most {limits.record_tags_max}."
        )
    return tags


def _ref(field: Field, value: Any) -> int | None:
    if value is None or value == "":
        return None
    return ids.parse_id(field.prefix, value, field.name)


def _time(field: Field, value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    found: datetime | None = value if isinstance(value, datetime) else None
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            found = None
    if found is None:
        raise _invalid(
            field.name,
            f"`{str(value)[:60]}` is not a time.",
            "Send ISO 8601, like `2026-11-23T17:00:00Z`; without a zone it is UTC.",
        )
    return clock.to_datetime(clock.from_datetime(found))


def _date(field: Field, value: Any) -> date | None:
    """A day; of a time, the day that it is there."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value).strip()).date()
    except ValueError:
        raise _invalid(
            field.name, f"`{str(value)[:60]}` is not a date.", "Send one like `2026-11-30`."
        ) from None


def decimal(name: str, value: Any) -> Decimal | None:
    """A number as sent or typed: 12, 12.5, "1,200.50". Raises `Invalid`."""
    if value is None or value == "":
        return None
    found: Decimal | None = None
    if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool):
        try:
            found = Decimal(str(value).strip().replace(",", "").replace("\u00a0", ""))
        except InvalidOperation:
            found = None
    if found is None or not found.is_finite():
        raise _invalid(name, f"`{str(value)[:60]}` is not a number.", "Send one like `1200.50`.")
    if abs(found) >= _NUMBER_MAX:
        raise _invalid(name, "is beyond what can be kept.", "Send less than a thousand billion.")
    return found


def _number(field: Field, value: Any) -> int | None:
    found = decimal(field.name, value)
    if found is None:
        return None
    if found != int(found):
        raise _invalid(field.name, f"`{found}` is not a whole number.", "Round it.")
    if not field.least <= found <= field.most:
        remedy = f"Send {field.least:,} to {field.most:,}."
        raise _invalid(field.name, f"is {found}.", remedy)
    return int(found)


def _money(field: Field, value: Any) -> Decimal | None:
    return decimal(field.name, value)


def _flag(field: Field, value: Any) -> bool:
    said = value.strip().lower() if isinstance(value, str) else value
    if said in (True, "true", "yes", "1", "on"):
        return True
    if said in (False, "false", "no", "0", "off", ""):
        return False
    raise _invalid(field.name, f"`{str(value)[:60]}` is not true or false.", "Send `true`.")


def _text(name: str, value: Any, chars_max: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _invalid(name, f"must be text, got {type(value).__name__}.", "Send it in quotes.")
    if "\0" in value:
        raise _invalid(name, "contains a NUL character.", "Remove it.")
    if any("\ud800" <= c <= "\udfff" for c in value):
        raise _invalid(name, "contains half of a surrogate pair.", "Send valid UTF-8.")
    text = value.strip()
    if len(text) > chars_max:
        raise _invalid(name, f"has {len(text):,} characters.", f"Use at most {chars_max:,}.")
    return text


def _invalid(field: str, problem: str, remedy: str) -> errors.Invalid:
    return errors.Invalid(errors.Fault(field, problem, remedy))


_READERS: dict[str, Callable[[Field, Any], Any]] = {
    "line": _line, "text": _long, "email": _email, "domain": _domain,
    "enum": _enum, "tags": _tags, "ref": _ref, "time": _time, "date": _date,
    "number": _number, "money": _money, "flag": _flag,
}  # fmt: skip
