"""An object's fields as pages show and edit them: one description drives lists, records and forms.

A value becomes a `Cell`: its text, where it leads, and what an editor of it needs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from onefold import crm
from onefold.crm import custom
from onefold.crm.fields import Field
from onefold.kernel import errors
from onefold.storage import Connection
from onefold.web import data, view
from onefold.web.door import Ask

# Where a reference leads, by the prefix of its id.
PLACES = {
    "acc": "accounts", "con": "people", "tkt": "tickets", "tsk": "tasks", "deal": "deals",
    "lead": "leads", "prd": "products", "sub": "subscriptions", "act": "activities",
}  # fmt: skip
# Set by rules or imports, not by hand.
_NOT_BY_HAND = frozenset(("pipeline_id", "created_at", "closed_at", "external_id"))
_CUSTOM_KINDS = {
    "text": "line", "number": "decimal", "money": "decimal", "date": "date", "select": "enum",
    "multi_select": "tags", "user": "ref", "reference": "ref",
}  # fmt: skip


class Spec(msgspec.Struct, frozen=True):
    """A field as pages know it. `name` is `custom.tier` for one of the workspace's own."""

    name: str
    label: str
    kind: str
    options: tuple[tuple[str, str], ...] = ()
    prefix: str = ""
    required: bool = False
    once: bool = False
    sort: str = ""


class Cell(msgspec.Struct, frozen=True):
    """A value as shown. `raw` is what a form sends for it; `by` says who set it, and when."""

    spec: Spec
    text: str
    raw: str
    href: str = ""
    pill: str = ""
    at: str = ""
    by: str = ""

    @property
    def editable(self) -> bool:
        """Whether a person may change it in place."""
        return self.spec.name not in _NOT_BY_HAND and not self.spec.once


class Frame(msgspec.Struct, frozen=True):
    """What a page needs of an object: its fields, its own ones, users and stages to choose from."""

    noun: str
    plural: str
    fields: tuple[Spec, ...]
    columns: tuple[Spec, ...]
    users: tuple[tuple[str, str], ...]
    stages: tuple[crm.pipeline.Pipeline, ...]

    def spec(self, name: str) -> Spec:
        """One field. Raises `NotFound`."""
        for spec in (*self.fields, *self.columns):
            if spec.name == name:
                return spec
        raise errors.NotFound(f"There is no field `{name[:60]}`.")


def frame(conn: Connection, ask: Ask, noun: str) -> Frame:
    """An object's frame for one page."""
    room = crm.objects.ALL[noun]
    users = tuple(data.users(conn, ask))
    pipelines = tuple(crm.pipeline.list_all(conn, ask.viewer)) if noun == "deal" else ()
    stages = tuple((s.id, f"{s.name}") for p in pipelines for s in p.stages)
    sorts = room.shape.sorts
    known = {f.name: _spec(f, users, stages, sorts) for f in room.kind.fields if not f.virtual}
    own = [_own(f, users) for f in custom.of(conn, ask.viewer, noun).values()]
    updated = Spec("updated_at", "Updated", "time", sort="updated")
    columns = [known.get(n, updated) for n in room.kind.columns]
    return Frame(
        noun=noun,
        plural=room.kind.plural,
        fields=(*known.values(), *own),
        columns=(*columns[:-1], *own[:3], columns[-1]),
        users=users,
        stages=pipelines,
    )


_SORTS = {"close_date": "close", "next_step_at": "next_step", "renewal_date": "renewal",
          "amount": "amount", "mrr": "mrr", "at": "at", "updated_at": "updated", "name": "name",
          "due_at": "due", "priority": "priority"}  # fmt: skip


def _spec(
    field: Field, users: Sequence[tuple[str, str]], stages: Sequence[tuple[str, str]], sorts: Any
) -> Spec:
    options = tuple((o, view.pill(o)[1] if o else "–") for o in field.options)
    if field.prefix == "usr":
        options = (("", "No owner"), *users)
    elif field.prefix == "stg":
        options = tuple(stages)
    sort = _SORTS.get(field.name, "")
    return Spec(
        field.name, field.title, field.kind, options, field.prefix, field.required, field.once,
        sort if sort in sorts else "",
    )  # fmt: skip


def _own(field: custom.CustomField, users: Sequence[tuple[str, str]]) -> Spec:
    options = tuple((o, o) for o in field.options)
    if field.kind == "select":
        options = (("", "–"), *options)
    elif field.kind == "user":
        options = (("", "Nobody"), *users)
    sort = field.name if field.kind != "multi_select" else ""
    return Spec(
        field.name, field.label, _CUSTOM_KINDS[field.kind], options, field.prefix, field.required,
        False, sort,
    )  # fmt: skip


def cell(ask: Ask, frame: Frame, spec: Spec, record: Any) -> Cell:
    """A record's value as shown."""
    value = value_of(record, spec.name)
    edited = getattr(record, "edited", {}).get(spec.name)
    by = f"{_who(frame, edited['by'])}, {ask.ago(edited['at'])}" if edited else ""
    made = _shown(ask, spec, record, value)
    return msgspec.structs.replace(made, by=by)


def cells(ask: Ask, frame: Frame, specs: Iterable[Spec], record: Any) -> list[Cell]:
    """Several, in order."""
    return [cell(ask, frame, spec, record) for spec in specs]


def value_of(record: Any, name: str) -> Any:
    """A field's value, `custom.` ones included."""
    if name.startswith("custom."):
        return record.custom.get(name.removeprefix("custom."))
    return getattr(record, name)


def _shown(ask: Ask, spec: Spec, record: Any, value: Any) -> Cell:
    if value is None or value in ("", []):
        return Cell(spec, "–", "")
    raw = str(value)
    if spec.kind == "ref":
        name = spec.name.removesuffix("_id") + "_name"
        text = dict(spec.options).get(raw) or getattr(record, name, "") or raw
        place = PLACES.get(spec.prefix)
        return Cell(spec, text, raw, href=f"/{place}/{raw}" if place else "")
    if spec.kind == "enum":
        return Cell(spec, dict(spec.options).get(raw, raw), raw, pill=raw)
    if spec.kind == "time":
        return Cell(spec, ask.ago(value), ask.minute(value), at=raw)
    if spec.kind == "flag":
        text, raw = ("Yes", "true") if value else ("No", "false")
        return Cell(spec, text, raw)
    if spec.kind == "tags":
        raw = ", ".join(value)
    return Cell(spec, _number(spec, value, record) or raw, raw)


def _number(spec: Spec, value: Any, record: Any) -> str:
    if spec.kind == "money":
        return money(value, record.currency)
    return f"{value:,}" if spec.kind in ("number", "decimal") else ""


def money(value: float, currency: str) -> str:
    """`EUR 1,200.50`, without zeros behind the point of a whole amount."""
    text = f"{value:,.2f}" if value != int(value) else f"{int(value):,}"
    return f"{currency} {text}"


def _who(frame: Frame, actor: str) -> str:
    kind, _, number = actor.partition(":")
    if kind == "user":
        return dict(frame.users).get(f"usr_{number}", "A former user")
    return f"API key {number}" if kind == "key" else "Onefold"


def sent(ask: Ask, specs: Iterable[Spec], form: Mapping[str, str]) -> dict[str, Any]:
    """A form's values as the API takes them; what the form does not hold is left out."""
    values: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for spec in specs:
        if spec.name not in form:
            continue
        text = form[spec.name].strip()
        value: Any = text
        if spec.kind in ("ref", "date", "number", "money", "decimal"):
            value = text or None
        elif spec.kind == "time":
            value = ask.instant(spec.name, text)
        elif spec.kind == "tags":
            value = [t.strip() for t in text.split(",") if t.strip()]
        if spec.name.startswith("custom."):
            own[spec.name.removeprefix("custom.")] = value or None
        else:
            values[spec.name] = value
    return {**values, "custom": own} if own else values
