"""What a connector is, a stream of it, and one run."""

from datetime import datetime
from typing import Any, Literal

import msgspec

Protocol = Literal["singer", "airbyte"]
PROTOCOLS: tuple[Protocol, ...] = ("singer", "airbyte")
Target = Literal["events", "people", "accounts"]
TARGETS: tuple[Target, ...] = ("events", "people", "accounts")


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

    Fields are dotted paths into the row; empty ones are not used. `event` is a fixed name,
    `event_field` one in the row. `fields` are the properties or traits: name by path; None for all
    scalar fields. `keys` name a row; without any, its content does.
    """

    target: Target
    mode: Literal["incremental", "full_refresh"] = "full_refresh"
    cursor: str = ""
    keys: list[str] = []
    user_id: str = ""
    anonymous_id: str = ""
    email: str = ""
    account_id: str = ""
    event: str = ""
    event_field: str = ""
    time: str = ""
    fields: dict[str, str] | None = None


class Connector(msgspec.Struct, frozen=True):
    """A row of table `connector`. `config` is masked for all but the runner."""

    id: int
    name: str
    source_id: int
    protocol: Protocol
    command: list[str]
    package: str
    spec: dict[str, Any]
    config: dict[str, Any]
    catalog: list[Stream]
    streams: dict[str, Plan]
    state: Any
    schedule: str
    enabled: bool
    next_at: datetime | None
    created_by: str
    created_at: datetime
    version: int

    @property
    def api_id(self) -> str:
        """The id as the API writes it: `cnn_4`."""
        return f"cnn_{self.id}"


class Run(msgspec.Struct, frozen=True):
    """A row of table `connector_run`."""

    id: int
    connector_id: int
    status: str
    read: int
    appended: int
    duplicates: int
    refused: int
    streams: dict[str, int]
    faults: list[str]
    lines: list[str]
    error: str
    exit_code: int | None
    process: Any
    created_at: datetime
    started_at: datetime | None
    done_at: datetime | None

    @property
    def open(self) -> bool:
        """Waiting or under way?"""
        return self.status in ("waiting", "running")
