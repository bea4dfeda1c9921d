"""The audience builder's page as plain values: head, cards or text, sentence, faults. Pure.

The whole state is the form itself: what the page sends back is read here, so that nothing waits
on a server between two requests. `mode` says whether the definition stands in cards or as text.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec

from onefold import audiences
from onefold.audiences import form, prose
from onefold.kernel import definitions, errors

_LINE = re.compile(r"(?:\(line (\d+)\) |at line (\d+)|on line (\d+))")
_HEAD = ("audience", "name", "of")


class Note(msgspec.Struct, frozen=True):
    """Something to mend: at a card and field of the form, or on a line of the text.

    `soft` is what is only not filled in yet.
    """

    text: str
    card: str = ""
    field: str = ""
    line: int = 0
    soft: bool = False


class State(msgspec.Struct, frozen=True):
    """What the form holds.

    where   the condition as a mapping; None where the text cannot be read
    source  what `parse` and the store take
    notes   everything to mend
    rows    instead of a condition: what a text says of a query or a list
    """

    mode: str
    key: str
    name: str
    of: str
    feature: str
    version: str
    cards: form.Card
    text: str
    where: Any
    notes: tuple[Note, ...]
    lossy: bool = False
    rows: dict[str, Any] = {}

    @property
    def source(self) -> dict[str, Any]:
        """The definition, without its key and name."""
        if self.rows:
            return {"of": self.of, **self.rows}
        return {"of": self.of, "where": self.where}

    @property
    def definition(self) -> audiences.Definition | None:
        """The tree, if there is nothing to mend."""
        return None if self.notes else audiences.parse(self.source, self.feature)

    @property
    def sentence(self) -> str:
        """The definition for people."""
        tree = self.definition
        return prose.sentence(tree) if tree else ""


def state(fields: Mapping[str, str]) -> State:
    """What a sent form holds. Raises `Invalid` for one that no page of ours sent."""
    head = {name: fields.get(name, "").strip() for name in ("key", "name", "of", "feature")}
    head["of"] = head["of"] if head["of"] in ("person", "account") else "account"
    version = fields.get("version", "")
    if fields.get("mode") == "text":
        return _of_text(fields.get("yaml", "").replace("\r\n", "\n"), head, version)
    cards = form.decode(fields)
    told = form.written(cards)
    notes = [Note(x.text, x.card, x.field, soft=True) for x in told.lacks]
    if not told.lacks:
        notes += [_note(fault, told) for fault in _faults({"of": head["of"], "where": told.where})]
    text = as_text(head["key"], head["name"], head["of"], told.where)
    return State(
        "form", head["key"], head["name"], head["of"], head["feature"], version, cards, text,
        told.where, tuple(notes), told.lossy,
    )  # fmt: skip


def _of_text(text: str, head: dict[str, str], version: str) -> State:
    faults = _faults(text)
    notes = tuple(Note(_said(f), line=_line(f)) for f in faults)
    try:
        raw = definitions.read(text, "Begin with `of: person` or `of: account`, then `where:`.")
    except errors.Invalid:
        raw = {}
    for name, at in (("key", "audience"), ("name", "name")):
        if isinstance(raw.get(at), str):
            head[name] = raw[at]
    of = "account" if raw.get("of") == "company" else raw.get("of")
    if of in ("person", "account"):
        head["of"] = of
    where = raw.get("where")
    cards = form.opened(where if "where" in raw else {"all": []})
    return State(
        "text", head["key"], head["name"], head["of"], head["feature"], version, cards, text,
        where, notes, rows={k: raw[k] for k in ("sql", "every", "list") if k in raw},
    )  # fmt: skip


def _faults(source: str | dict[str, Any]) -> tuple[errors.Fault, ...]:
    try:
        audiences.parse(source)
    except errors.Invalid as wrong:
        return wrong.faults
    return ()


def _note(fault: errors.Fault, told: form.Written) -> Note:
    last = re.split(r"[.\[]", fault.field)[-1].rstrip("]")
    about = f"`{last}` " if last and not last.isdigit() else ""
    return Note(f"{about}{fault.problem} {fault.remedy}".strip(), told.card_of(fault.field))


def _said(fault: errors.Fault) -> str:
    text = f"{fault.field} {fault.problem} {fault.remedy}".strip()
    return re.sub(r"\(line \d+\) ", "", text)


def _line(fault: errors.Fault) -> int:
    found = _LINE.search(fault.problem)
    return int(next(g for g in found.groups() if g)) if found else 1


def as_text(key: str, name: str, of: str, where: Any) -> str:
    """The definition as YAML, as the text form takes it back."""
    head: dict[str, Any] = {"audience": key} if key else {}
    head |= {"name": name} if name else {}
    return definitions.write({**head, "of": of, "where": where})


def switched(now: State) -> State:
    """Cards as text, or text as cards; what could not be taken along stays, with its notes."""
    if now.mode == "form":
        return now if now.lossy else msgspec.structs.replace(now, mode="text", notes=())
    try:
        raw = definitions.read(now.text, "")
    except errors.Invalid:
        return now
    if any(k not in (*_HEAD, "where") for k in raw) or not _head_fits(raw):
        return now
    return msgspec.structs.replace(now, mode="form", notes=())


def _head_fits(raw: Mapping[Any, Any]) -> bool:
    texts = all(isinstance(raw.get(k, ""), str) for k in ("audience", "name"))
    return texts and raw.get("of") in ("person", "account", "company")


def slug(name: str) -> str:
    """A key made of a name: `Trial, going cold` → `trial_going_cold`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:60]
