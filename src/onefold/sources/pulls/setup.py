"""Setting a pull up: where it reads, what, which column goes where, how often.

What asks the database something takes no connection of ours: it may last minutes.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import msgspec

from onefold import sources
from onefold.kernel import clock, errors, limits, schedule
from onefold.kernel.viewer import Viewer
from onefold.sources import imports
from onefold.sources.connectors.hidden import MASK
from onefold.sources.imports import read as import_read
from onefold.sources.pulls import cells, engine, model, reader, sql, store
from onefold.storage import Connection

_TIMES = (
    "updatedat", "updated", "modifiedat", "lastmodified", "lastmodifieddate", "modifieddate",
    "systemmodstamp", "changedat", "updatetime", "lastupdated", "updatedon", "modifiedon",
    "createdat", "occurredat", "insertedat", "timestamp", "eventtime", "created",
)  # fmt: skip


class Look(msgspec.Struct, frozen=True):
    """What there is to read: columns with types, first rows, and a proposal for all of it."""

    fields: list[model.Field]
    columns: list[str]
    rows: list[dict[str, Any]]
    target: imports.Target
    mapping: imports.Mapping
    keys: list[str]
    cursor_column: str


class Choice(msgspec.Struct, frozen=True):
    """What a pull is to read, as a whole. An empty `target` and a null `mapping` are proposed."""

    relation: str
    query: str
    target: str
    mapping: imports.Mapping | None
    keys: list[str]
    cursor_column: str
    overlap: int | None
    time_zone: str


def check_place(place: model.Place, secret: str) -> None:
    """Raise `Invalid` with everything that is wrong with a connection by its form."""
    faults = []
    if place.kind in model.SERVERS:
        if not place.host.strip() or ("/" in place.host and place.host[0] != "/"):
            faults.append(
                errors.Fault("connection.host", "is no host.", "Give a name or an address.")
            )
        if not 0 <= place.port <= 65_535:
            faults.append(errors.Fault("connection.port", "is no port.", "Use 1 to 65535."))
        if not place.user.strip():
            faults.append(errors.Fault("connection.user", "is empty.", "Name one who may read."))
        if not place.database.strip() and place.kind == "postgresql":
            faults.append(errors.Fault("connection.database", "is empty.", "Name the database."))
        if place.path:
            faults.append(errors.Fault("connection.path", "is for files.", "Leave it out."))
        if len(place.ca) > limits.pull_ca_chars_max or (place.ca and "BEGIN CERT" not in place.ca):
            faults.append(
                errors.Fault("connection.ca", "is no certificate.", "Paste it in PEM form.")
            )
    elif not place.path.strip():
        faults.append(
            errors.Fault("connection.path", "is empty.", "Name the file or folder to read.")
        )
    texts = (place.host, place.database, place.user, place.path, secret)
    if any("\0" in t or len(t) > limits.url_chars_max for t in texts):
        faults.append(errors.Fault("connection", "has a text that is none.", "Check it."))
    if faults:
        raise errors.Invalid(*faults)


def create(
    conn: Connection,
    viewer: Viewer,
    *,
    name: str,
    place: model.Place,
    secret: str,
    category: str = "product",
    source_id: int | None = None,
) -> model.Pull:
    """A new pull. Raises `Invalid`."""
    viewer.must_admin()
    check_place(place, secret)
    name = check_name(name)
    if category not in sources.CATEGORIES:
        shown = ", ".join(sources.CATEGORIES)
        raise errors.Invalid(errors.Fault("category", "is not known.", f"Use one of {shown}."))
    if source_id is not None:
        must_log(sources.get(conn, viewer, source_id))
    return store.create(
        conn, viewer, name=name, category=category, source_id=source_id, place=place, secret=secret
    )


def check_name(name: str) -> str:
    """A pull's name. Raises `Invalid`."""
    clean = name.strip()
    if not clean or len(clean) > limits.source_name_chars_max or not clean.isprintable():
        raise errors.Invalid(
            errors.Fault(
                "name", "is no name.", f"Use 1 to {limits.source_name_chars_max} characters."
            )
        )
    return clean


def must_log(source: sources.Source) -> sources.Source:
    """The source, unless nothing of it enters the log. Raises `Conflict`."""
    if source.test:
        raise errors.Conflict(
            f"`{source.name}` is a test source: its items are checked and never become facts. "
            "Choose another source."
        )
    return source


def kept(one: model.Pull, secret: str) -> str:
    """The password as it was when its mask, or nothing, comes back."""
    return one.secret if secret in ("", MASK) else secret


def tables(place: model.Place, secret: str, allowed: str) -> tuple[str, list[model.Table]]:
    """The server's name, and what may be read there."""
    with reader.opened(place, secret, allowed) as found:
        return found.about(), found.tables()


def look(one: model.Pull, relation: str, query: str, target: str, allowed: str) -> Look:
    """Columns and first rows of a table or query, and a proposal for their mapping."""
    with reader.opened(one.place, one.secret, allowed) as found:
        what = what_of(found.dialect, relation, query)
        fields = check_fields(found.fields(sql.rows(found.dialect, what, "", (), bounded=False)))
        text = sql.rows(
            found.dialect, what, "", (), bounded=False, rows_max=limits.import_sample_rows
        )
        zone = cells.zone(one.time_zone)
        names = [f.name for f in fields]
        raw = [row for part in found.stream(text) for row in part]
    rows = [flat(names, row, zone)[0] for row in raw]
    columns = list(dict.fromkeys(c for row in rows for c in row)) or names
    sample = imports.Sample(imports.Format("table"), tuple(columns), tuple(rows))
    chosen = imports.items.target_of(target) if target else imports.suggest.target(sample)
    cursor = _cursor(names)
    mapping = proposal(chosen, sample, cursor)
    return Look(fields, columns, rows, chosen, mapping, _keys(names, raw), cursor)


def what_of(dialect: sql.Dialect, relation: str, query: str) -> str:
    """What is read, for the statements. Raises `Invalid`."""
    if bool(relation.strip()) == bool(query.strip()):
        raise errors.Invalid(
            errors.Fault("table", "is not said, or a query as well.", "Give a table or a query.")
        )
    faults = sql.check_query(dialect, query) if query.strip() else sql.check_relation(relation)
    if faults:
        raise errors.Invalid(*faults)
    return sql.source(dialect, relation.strip(), query)


def check_fields(fields: Sequence[model.Field]) -> list[model.Field]:
    """Raise `Invalid` for columns that can't be told apart."""
    names = [f.name for f in fields]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise errors.Invalid(
            engine.fault(f"The column `{twice[0]}` comes twice", "Name one of them by AS.", "query")
        )
    if len(names) > limits.import_columns_max:
        raise errors.Invalid(
            engine.fault(
                f"It has {len(names):,} columns",
                f"Choose at most {limits.import_columns_max:,} by a query.", "query",
            )
        )  # fmt: skip
    return list(fields)


def flat(names: Sequence[str], row: Sequence[Any], zone: Any) -> tuple[dict[str, Any], Any]:
    """A row by column, objects as dotted columns; and as the database gave it."""
    raw = dict(zip(names, row, strict=True))
    return import_read.flat({n: cells.plain(v, zone) for n, v in raw.items()}), raw


def proposal(target: imports.Target, sample: imports.Sample, cursor: str) -> imports.Mapping:
    """Where columns probably go. What people and accounts are is true since the row changed."""
    found = imports.suggest.mapping(target, sample)
    is_time = cursor in found.columns and any(_is_time(row.get(cursor)) for row in sample.rows[:5])
    if target not in ("people", "accounts") or not is_time:
        return found
    columns = dict(found.columns)
    for name, column in columns.items():
        if column.to == "timestamp" and name != cursor:
            columns[name] = imports.Column(f"traits.{imports.suggest.slug(name)}", column.kind)
    kind = columns[cursor].kind if columns[cursor].to == "timestamp" else "time"
    columns[cursor] = imports.Column("timestamp", kind)
    return imports.Mapping(columns, found.constants)


def _is_time(value: Any) -> bool:
    if isinstance(value, str):
        return "-" in value and bool(imports.values.time_kind([value]))
    return isinstance(value, date)


def _cursor(names: Sequence[str]) -> str:
    """A column that rises, by its name: when a row was changed, else made."""
    normal = {imports.suggest.normal(n): n for n in reversed(names)}
    return next((normal[t] for t in _TIMES if t in normal), "")


def _keys(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """A column that names rows: `id`, or the first that ends so and is unique in the sample."""
    for n, name in sorted(enumerate(names), key=lambda p: p[1].lower() not in ("id", "uuid")):
        lower = name.lower()
        if lower in ("id", "uuid", "key", "guid") or (n == 0 and lower.endswith("id")):
            found = [row[n] for row in rows]
            if all(v is not None for v in found) and len(set(map(str, found))) == len(found):
                return [name]
    return []


def check(one: model.Pull, found: Look, choice: Choice) -> model.Pull:
    """The pull as chosen. Raises `Invalid` with everything that is wrong."""
    names = {f.name for f in found.fields}
    faults = [
        errors.Fault("keys", f"`{k[:60]}` is no column.", "Name columns of the table.")
        for k in choice.keys
        if k not in names
    ]
    if len(choice.keys) > limits.pull_keys_max:
        faults.append(errors.Fault("keys", "are too many.", f"At most {limits.pull_keys_max}."))
    if choice.cursor_column and choice.cursor_column not in names:
        faults.append(
            errors.Fault("cursor", f"`{choice.cursor_column[:60]}` is no column.", "Name one.")
        )
    if choice.overlap is not None and not 0 <= choice.overlap <= limits.pull_overlap_max:
        faults.append(
            errors.Fault("overlap", "is out of range.", f"0 to {limits.pull_overlap_max:,}.")
        )
    mapping = choice.mapping if choice.mapping is not None else found.mapping
    faults += imports.items.check(found.target, found.columns, mapping)
    if faults:
        raise errors.Invalid(*faults)
    cells.zone(choice.time_zone)
    mapping = imports.Mapping({n: c for n, c in mapping.columns.items() if c.to}, mapping.constants)
    return msgspec.structs.replace(
        one, relation=choice.relation.strip(), query=sql.trimmed(choice.query),
        target=found.target, mapping=mapping, columns=found.columns, keys=choice.keys,
        cursor_column=choice.cursor_column, overlap=choice.overlap, time_zone=choice.time_zone,
    )  # fmt: skip


def choose(conn: Connection, viewer: Viewer, pull_id: int, chosen: model.Pull) -> model.Pull:
    """Save what `check` answered. Facts get a source of their own, unless one is named.

    Another table, query or cursor begins anew; the position of the old one means nothing there.
    """
    viewer.must_admin()
    held = store.for_run(conn, pull_id, hold=True)
    same = (held.relation, held.query, held.cursor_column) == (
        chosen.relation, chosen.query, chosen.cursor_column,
    )  # fmt: skip
    source_id = held.source_id
    if source_id is None and chosen.target in imports.FACT_TARGETS:
        source_id = sources.create(conn, viewer, held.name, held.category).id
    store.change(
        conn, viewer, pull_id, relation=chosen.relation, query=chosen.query, target=chosen.target,
        mapping=chosen.mapping, columns=chosen.columns, keys=chosen.keys,
        cursor_column=chosen.cursor_column, overlap=chosen.overlap, time_zone=chosen.time_zone,
        source_id=source_id, position=held.position if same else None,
    )  # fmt: skip
    return store.get(conn, viewer, pull_id)


def move(conn: Connection, viewer: Viewer, pull_id: int, place: model.Place, secret: str) -> None:
    """Let it read elsewhere, or log in otherwise. A password goes nowhere but where it was for.

    Raises `Invalid` when the server is another and the password is the masked one.
    """
    viewer.must_admin()
    held = store.for_run(conn, pull_id, hold=True)
    check_place(place, secret)
    elsewhere = (place.kind, place.host, place.port) != (
        held.place.kind, held.place.host, held.place.port,
    )  # fmt: skip
    if elsewhere and held.secret and secret in ("", MASK):
        raise errors.Invalid(
            errors.Fault("password", "is of another server.", "Give the one of this server.")
        )
    new = "" if place.kind in model.FILES else kept(held, secret)
    store.change(conn, viewer, pull_id, place=place, secret=new)


def set_schedule(
    conn: Connection, viewer: Viewer, pull_id: int, text: str, enabled: bool, now_ms: int
) -> model.Pull:
    """Run it by the clock: `every 1h`, a cron line, or empty for by hand only; or pause that."""
    viewer.must_admin()
    store.for_run(conn, pull_id, hold=True)
    often = schedule.parse(text)
    following = schedule.next_ms(often, now_ms) if enabled else None
    at = None if following is None else clock.to_datetime(following)
    store.change(conn, viewer, pull_id, schedule=often, enabled=enabled, next_at=at)
    return store.get(conn, viewer, pull_id)


def restart(conn: Connection, viewer: Viewer, pull_id: int) -> model.Pull:
    """Read everything again next time: rows that are in as they are now count as such."""
    viewer.must_admin()
    store.for_run(conn, pull_id, hold=True)
    store.change(conn, viewer, pull_id, position=None)
    return store.get(conn, viewer, pull_id)


def read(
    one: model.Pull, found: engine.Reader, *, ordered: bool = True, rows_max: int | None = None
) -> tuple[list[str], Iterator[Sequence[engine.Row]]]:
    """(columns, rows in parts) from where the pull stands on. Raises `Invalid`."""
    dialect = found.dialect
    what = what_of(dialect, one.relation, one.query)
    plain = sql.rows(dialect, what, "", (), bounded=False)
    names = [f.name for f in check_fields(found.fields(plain))]
    flat_of = {c.partition(".")[0] for c in one.mapping.columns if c not in names}
    wanted = {c for c in one.mapping.columns if c in names} | flat_of
    missing = [
        c for c in dict.fromkeys([*sorted(wanted), *one.keys, one.cursor_column])
        if c and c not in names
    ]  # fmt: skip
    if missing:
        raise errors.Invalid(
            engine.fault(
                f"There is no column `{missing[0]}` any more",
                "Set the pull up again for the table as it is.", "table",
            )
        )  # fmt: skip
    bounded = bool(one.cursor_column) and one.position is not None
    text = sql.rows(
        dialect, what, one.cursor_column, one.keys, bounded=bounded, ordered=ordered,
        rows_max=rows_max,
    )  # fmt: skip
    values = [cells.start(one.position, one.overlap)] if bounded and one.position else []
    return names, found.stream(text, values)
