"""One line of a connector's stdout as a message. Pure; a hostile line is a word, never an error.

Singer: https://hub.meltano.com/singer/spec. Airbyte: the Airbyte protocol, version 0.
"""

from typing import Any

import msgspec

from onefold.sources.connectors.model import Protocol, Stream


class Record(msgspec.Struct, frozen=True):
    """A row of a stream."""

    stream: str
    data: dict[str, Any]


class State(msgspec.Struct, frozen=True):
    """Where the connector stands. `stream` names a part of it (Airbyte); None: it is all."""

    value: Any
    stream: str | None = None


class Schema(msgspec.Struct, frozen=True):
    """A stream's schema and keys, before its rows (Singer)."""

    stream: str
    keys: list[str]


class Word(msgspec.Struct, frozen=True):
    """Something to note. `fatal`: what the connector says it failed at."""

    text: str
    fatal: bool = False


class Doc(msgspec.Struct, frozen=True):
    """SPEC, CONNECTION_STATUS or CATALOG (Airbyte): the answer to a command."""

    kind: str
    value: dict[str, Any]


Message = Record | State | Schema | Word | Doc


def parse(protocol: Protocol, line: bytes) -> Message | None:
    """The message in a line; None for an empty line, or for one that needs no answer."""
    text = line.strip()
    if not text:
        return None
    try:
        tree = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Word(text.decode("utf-8", "replace"))
    if not isinstance(tree, dict) or not isinstance(tree.get("type"), str):
        return Word(text.decode("utf-8", "replace"))
    return _singer(tree) if protocol == "singer" else _airbyte(tree)


def _singer(tree: dict[str, Any]) -> Message | None:
    kind, stream = tree["type"].upper(), tree.get("stream")
    if kind == "RECORD" and isinstance(stream, str) and isinstance(tree.get("record"), dict):
        return Record(stream, tree["record"])
    if kind == "STATE" and "value" in tree:
        return State(tree["value"])
    if kind == "SCHEMA" and isinstance(stream, str):
        return Schema(stream, _texts(tree.get("key_properties")))
    if kind == "ACTIVATE_VERSION":
        return None  # asks a table to drop older rows; facts stay
    if kind == "BATCH":
        return Word(
            "The tap sends BATCH messages, whose rows lie in files. Take `batch_config` out of "
            "its settings.",
            fatal=True,
        )
    return Word(f"a {kind[:40]} message that is not understood")


def _airbyte(tree: dict[str, Any]) -> Message | None:
    kind = tree["type"]
    value = tree.get(_BODIES.get(kind, ""))
    if not isinstance(value, dict):
        return Word(f"a {kind[:40]} message that is not understood")
    if kind == "RECORD" and isinstance(value.get("data"), dict):
        return Record(_name(value.get("stream"), value.get("namespace")), value["data"])
    if kind == "STATE":
        return _airbyte_state(value)
    if kind == "LOG":
        return Word(f"{value.get('level', 'INFO')} {value.get('message', '')}")
    if kind == "TRACE":
        fault = value.get("error")
        if value.get("type") == "ERROR" and isinstance(fault, dict):
            said = fault.get("message") or fault.get("internal_message") or "no reason given"
            return Word(str(said), fatal=True)
        return None
    if kind in ("SPEC", "CONNECTION_STATUS", "CATALOG"):
        return Doc(kind, value)
    return Word(f"a {kind[:40]} message that is not understood")


_BODIES = {
    "RECORD": "record", "STATE": "state", "LOG": "log", "TRACE": "trace", "SPEC": "spec",
    "CONNECTION_STATUS": "connectionStatus", "CATALOG": "catalog",
}  # fmt: skip


def _airbyte_state(value: dict[str, Any]) -> State | Word:
    """STREAM: that stream's part; GLOBAL: all streams at once; else the old form, a bare value,
    which is what its connector reads again."""
    part = value.get("stream")
    kind = value.get("type") or ("STREAM" if isinstance(part, dict) else "LEGACY")
    if kind == "STREAM" and isinstance(part, dict):
        of = part.get("stream_descriptor")
        of = of if isinstance(of, dict) else {}
        kept = {"type": "STREAM", "stream": part}
        return State(kept, _name(of.get("name"), of.get("namespace")))
    if kind == "GLOBAL" and isinstance(value.get("global"), dict):
        return State([{"type": "GLOBAL", "global": value["global"]}])
    if kind == "LEGACY" and value.get("data") is not None:
        return State(value["data"])
    return Word(f"a state of the kind {str(kind)[:40]} that is not understood")


def merge(before: Any, new: State) -> Any:
    """The connector's state after a message: a part replaces that stream's, else all of it."""
    if new.stream is None:
        return new.value
    parts = before if isinstance(before, list) else []
    kept = [p for p in parts if _is_stream(p) and _part_name(p) != new.stream]
    return [*kept, new.value]


def _is_stream(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "STREAM"


def without(state: Any, stream: str) -> Any:
    """The state as if a stream had never been read; None when it can't be taken apart."""
    if isinstance(state, dict) and isinstance(state.get("bookmarks"), dict):  # Singer's habit
        return {**state, "bookmarks": {k: v for k, v in state["bookmarks"].items() if k != stream}}
    if not isinstance(state, list) or not all(map(_is_stream, state)):
        return None
    return [p for p in state if _part_name(p) != stream] or None


def _part_name(part: dict[str, Any]) -> str:
    of = part.get("stream", {}).get("stream_descriptor") or {}
    return _name(of.get("name"), of.get("namespace"))


def _name(name: Any, namespace: Any) -> str:
    return f"{namespace}.{name}" if namespace else str(name)


def _texts(found: Any) -> list[str]:
    return [x for x in found if isinstance(x, str)] if isinstance(found, list) else []


def streams(protocol: Protocol, catalog: Any) -> list[Stream]:
    """The streams of a catalog; whatever is no stream in it is left out."""
    found = catalog.get("streams") if isinstance(catalog, dict) else None
    rows = [r for r in found if isinstance(r, dict)] if isinstance(found, list) else []
    make = _singer_stream if protocol == "singer" else _airbyte_stream
    return [stream for stream in map(make, rows) if stream.name]


def _singer_stream(raw: dict[str, Any]) -> Stream:
    top = _top(raw)
    keys = raw.get("key_properties") or top.get("table-key-properties")
    cursor = _texts(top.get("valid-replication-keys")) or _texts([raw.get("replication_key")])
    return Stream(
        name=str(raw.get("tap_stream_id") or raw.get("stream") or ""),
        schema=raw["schema"] if isinstance(raw.get("schema"), dict) else {},
        keys=_texts(keys), cursor=cursor,
        modes=["full_refresh", "incremental"], raw=raw,
    )  # fmt: skip


def _top(raw: dict[str, Any]) -> dict[str, Any]:
    """A Singer stream's metadata of itself, not of its fields."""
    found = raw.get("metadata")
    for entry in found if isinstance(found, list) else []:
        if isinstance(entry, dict) and entry.get("breadcrumb") == []:
            top = entry.get("metadata")
            return top if isinstance(top, dict) else {}
    return {}


def _airbyte_stream(raw: dict[str, Any]) -> Stream:
    paths = raw.get("source_defined_primary_key")
    keys = [".".join(_texts(p)) for p in paths] if isinstance(paths, list) else []
    cursor = _texts(raw.get("default_cursor_field"))
    return Stream(
        name=_name(raw.get("name", ""), raw.get("namespace")),
        schema=raw["json_schema"] if isinstance(raw.get("json_schema"), dict) else {},
        keys=[k for k in keys if k], cursor=[".".join(cursor)] if cursor else [],
        modes=_texts(raw.get("supported_sync_modes")) or ["full_refresh"], raw=raw,
    )  # fmt: skip


def chosen(protocol: Protocol, found: list[Stream], plans: dict[str, Any]) -> dict[str, Any]:
    """The catalog to give the connector: what is chosen of it, and how it is read."""
    make = _singer_chosen if protocol == "singer" else _airbyte_chosen
    return {"streams": [x for s in found if (x := make(s, plans.get(s.name))) is not None]}


def _airbyte_chosen(stream: Stream, plan: Any) -> dict[str, Any] | None:
    if plan is None:
        return None
    cursor = plan.cursor or (stream.cursor[0] if stream.cursor else "")
    return {
        "stream": stream.raw,
        "sync_mode": plan.mode if plan.mode in stream.modes else stream.modes[0],
        "cursor_field": cursor.split(".") if cursor else [],
        "destination_sync_mode": "append",
        "primary_key": [k.split(".") for k in plan.keys or stream.keys],
    }


def _singer_chosen(stream: Stream, plan: Any) -> dict[str, Any]:
    """Every stream stays in a Singer catalog; `selected` says which are read."""
    raw = dict(stream.raw)
    found = raw.get("metadata")
    rest = [e for e in found if e.get("breadcrumb") != []] if isinstance(found, list) else []
    top = {**_top(raw), "selected": plan is not None}
    if plan is not None:
        cursor = plan.cursor or (stream.cursor[0] if stream.cursor else "")
        by_cursor = plan.mode == "incremental" and bool(cursor)
        method = "INCREMENTAL" if by_cursor else "FULL_TABLE"
        top |= {"replication-method": method} | ({"replication-key": cursor} if by_cursor else {})
        raw |= {"replication_method": method, "selected": True}
        if by_cursor:
            raw["replication_key"] = cursor
        else:
            raw.pop("replication_key", None)
        rest = [{**e, "metadata": {**e.get("metadata", {}), "selected": True}} for e in rest]
    raw["schema"] = {**stream.schema, "selected": plan is not None}
    raw["metadata"] = [{"breadcrumb": [], "metadata": top}, *rest]
    return raw
