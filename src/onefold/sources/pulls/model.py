"""What a pull is, where it reads, and one run of it."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from onefold.sources.imports.model import Mapping, RowFault, Target

Kind = Literal["postgresql", "mysql", "sqlite", "duckdb", "parquet"]
SERVERS: tuple[Kind, ...] = ("postgresql", "mysql")
FILES: tuple[Kind, ...] = ("sqlite", "duckdb", "parquet")
KINDS: tuple[Kind, ...] = (*SERVERS, *FILES)
PORTS = {"postgresql": 5432, "mysql": 3306}
Tls = Literal["off", "prefer", "require", "verify"]
TLS: tuple[Tls, ...] = ("off", "prefer", "require", "verify")


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where rows are: a server by host, database and user; a file or folder by path.

    `tls`: `verify` also checks the server's certificate, by the system's authorities or by `ca`
    (PEM). The password is kept apart.
    """

    kind: Kind
    host: str = ""
    port: int = 0
    database: str = ""
    user: str = ""
    tls: Tls = "prefer"
    ca: str = ""
    path: str = ""

    @property
    def shown(self) -> str:
        """It in words, without secrets."""
        if self.kind in FILES:
            return self.path
        return f"{self.host}:{self.port or PORTS[self.kind]}/{self.database}"


class Table(msgspec.Struct, frozen=True):
    """A table or view, by the name that `relation` takes."""

    name: str
    kind: str = "table"


class Field(msgspec.Struct, frozen=True):
    """A column and its type, as the database calls it; "" where it has none."""

    name: str
    type: str = ""


class Position(msgspec.Struct, frozen=True):
    """A cursor's value, exactly."""

    kind: Literal["time", "date", "integer", "decimal", "float", "text", "uuid"]
    value: str


class Pull(msgspec.Struct, frozen=True):
    """A row of table `pull`. `secret` is empty for all but the runner."""

    id: int
    name: str
    source_id: int | None
    category: str
    place: Place
    secret: str
    relation: str
    query: str
    target: Target
    mapping: Mapping
    columns: list[str]
    keys: list[str]
    cursor_column: str
    overlap: int | None
    time_zone: str
    schedule: str
    enabled: bool
    next_at: datetime | None
    position: Position | None
    known: int
    created_by: str
    created_at: datetime
    version: int

    @property
    def api_id(self) -> str:
        """The id as the API writes it: `pul_4`."""
        return f"pul_{self.id}"

    @property
    def chosen(self) -> bool:
        """Is it said what to read?"""
        return bool(self.relation or self.query)


class Run(msgspec.Struct, frozen=True):
    """A row of table `pull_run`."""

    id: int
    pull_id: int
    status: str
    passes: int
    import_id: int | None
    read: int
    created: int
    matched: int
    unchanged: int
    refused: int
    faults: list[RowFault]
    notes: list[str]
    error: str
    began: Position | None
    position: Position | None
    asked_by: str
    created_at: datetime
    started_at: datetime | None
    done_at: datetime | None

    @property
    def open(self) -> bool:
        """Waiting or under way?"""
        return self.status in ("waiting", "running")

    @property
    def number(self) -> int:
        """The pass that is under way, unlike any other's of the pull."""
        return self.id << 16 | self.passes

    @property
    def seconds(self) -> float | None:
        """How long it took; None until it is over."""
        if self.started_at is None or self.done_at is None:
            return None
        return (self.done_at - self.started_at).total_seconds()

    @property
    def filtered(self) -> int:
        """Rows that a rule of the source keeps out."""
        return max(0, self.read - self.created - self.matched - self.unchanged - self.refused)


Known = tuple[bytes, int, int, int, int | None]  # content, version, seen, pass, record id
Changes = dict[str, Any]
