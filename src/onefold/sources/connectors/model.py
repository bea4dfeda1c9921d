"""What a connector is, a stream of it, how a stream is taken, and one run."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from onefold.sources.imports import Column, Mapping, Target

Protocol = Literal["singer", "airbyte"]
PROTOCOLS: tuple[Protocol, ...] = ("singer", "airbyte")
Kind = Literal["install", "check", "sample", "read", "delete"]


class Stream(msgspec.Struct, frozen=True):
    """A stream as discovered. `name` has its namespace in front where there is one.

    `raw` is the connector's own description, given back to it when the stream is read.
    """

    name: str
    schema: dict[str, Any]
    keys: list[str] = []
    cursor: list[str] = []
    modes: list[str] = []
    raw: dict[str, Any] = {}


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a chosen stream is read and what its rows become.

    `columns` says where a field of the row goes, as for an imported file; a field is named by its
    dotted path. `constants` are values for every row. With `rest`, all other fields become traits
    or properties under their own names. `keys` name a row; without any, its content does.
    """

    target: Target
    mode: Literal["incremental", "full_refresh"] = "full_refresh"
    cursor: str = ""
    keys: list[str] = []
    columns: dict[str, Column] = {}
    constants: dict[str, str] = {}
    rest: bool = True

    @property
    def mapping(self) -> Mapping:
        """Where fields go, as imports have it."""
        return Mapping(self.columns, self.constants)

    def path(self, field: str) -> str:
        """The field of the row that goes to `field`; empty when none does."""
        return next((path for path, column in self.columns.items() if column.to == field), "")


class Counts(msgspec.Struct, frozen=True):
    """What became of rows: `read` is the sum of the others."""

    read: int = 0
    appended: int = 0
    duplicates: int = 0
    refused: int = 0
    filtered: int = 0

    def plus(self, **more: int) -> "Counts":
        """These and some more."""
        return Counts(**{n: getattr(self, n) + more.get(n, 0) for n in self.__struct_fields__})


class Connector(msgspec.Struct, frozen=True):
    """A row of table `connector`. `config` and `pending` are masked for all but the runner."""

    id: int
    name: str
    source_id: int
    protocol: Protocol
    command: list[str]
    package: str
    executable: str
    python: str
    program: str
    spec: dict[str, Any]
    config: dict[str, Any]
    pending: dict[str, Any] | None
    catalog: list[Stream]
    streams: dict[str, Plan]
    state: Any
    schedule: str
    enabled: bool
    next_at: datetime | None
    rows_named: int
    rows_forgotten: int
    rows_kept: int
    created_by: str
    created_at: datetime
    version: int

    @property
    def installed(self) -> bool:
        """Can it be started?"""
        return bool(self.program or not self.package)

    @property
    def api_id(self) -> str:
        """The id as the API writes it: `cnn_4`."""
        return f"cnn_{self.id}"

    @property
    def argv(self) -> list[str]:
        """The command to start; empty while its package is not installed."""
        if not self.installed:
            return []
        return [self.program, *self.command] if self.program else self.command

    @property
    def rows_known(self) -> int:
        """How many rows are remembered, at most."""
        return self.rows_named - self.rows_forgotten + self.rows_kept

    def stream(self, name: str) -> Stream | None:
        """A stream that it offers."""
        return next((s for s in self.catalog if s.name == name), None)


class Run(msgspec.Struct, frozen=True):
    """A row of table `connector_run`."""

    id: int
    connector_id: int
    kind: Kind
    args: dict[str, Any]
    status: str
    read: int
    appended: int
    duplicates: int
    refused: int
    filtered: int
    streams: dict[str, Counts]
    faults: list[str]
    lines: list[str]
    error: str
    exit_code: int | None
    process: Any
    tries: int
    job_id: int | None
    created_at: datetime
    started_at: datetime | None
    done_at: datetime | None

    @property
    def open(self) -> bool:
        """Waiting or under way?"""
        return self.status in ("waiting", "running")

    @property
    def counts(self) -> Counts:
        """What became of its rows."""
        return Counts(self.read, self.appended, self.duplicates, self.refused, self.filtered)


class Known(msgspec.Struct, frozen=True):
    """What is remembered of a row: its content's hash, its changes, the CRM row that it became."""

    content: bytes
    version: int
    record: int | None = None
