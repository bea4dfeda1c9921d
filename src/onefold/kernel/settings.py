"""Every setting, in one place: name, type, default, one sentence.

Each is read from the environment as `ONEFOLD_<NAME>`; command-line flags win. A test holds
docs/reference/settings.md equal to this list.
"""

import os
from pathlib import Path
from typing import Any

import msgspec


class Settings(msgspec.Struct, frozen=True):
    """What an operator may choose. Field docs are in `DESCRIPTIONS`."""

    data: Path = Path("onefold-data")
    host: str = "127.0.0.1"
    port: int = 8080
    database_url: str = ""
    log_level: str = "info"
    log_format: str = "auto"
    public_url: str = ""
    destinations_private: bool = True
    collect_items_per_s: int = 0
    pull_files: str = ""
    lake: str = ""
    connectors: bool = False
    secret_keys: str = ""

    def lake_location(self) -> str:
        """Where the lake's files go, as a location with its scheme."""
        if "://" in self.lake:
            return self.lake.rstrip("/")
        return (Path(self.lake) if self.lake else self.data / "lake").absolute().as_uri()


DESCRIPTIONS = {
    "data": "Folder for the embedded database, logs and run files.",
    "host": "Address the pages, the API and the collector listen on.",
    "port": "Port for all three; the next free one is taken by `make demo`.",
    "database_url": "A PostgreSQL server (15 to 18) to use instead of the embedded one.",
    "log_level": "debug, info, warning or error.",
    "log_format": "json, text, or auto: text on a terminal, else json.",
    "public_url": "The address customers' browsers reach us by, for SDK settings and links.",
    "destinations_private": "Whether webhook destinations may be on private or loopback addresses.",
    "collect_items_per_s": "Items a second that one source may send; more is answered 429. 0: any.",
    "pull_files": "Folder whose SQLite, DuckDB and Parquet files pulls may read; none by default.",
    "lake": "Where history goes: a folder or `s3://bucket/prefix`. Default: `lake` in `data`.",
    "connectors": "Whether admins may add connectors, which are programs run on this machine.",
    "secret_keys": "Keys that stored passwords are sealed with, the newest first, after commas.",
}


def load(**flags: Any) -> Settings:
    """Settings from the environment, overridden by the flags that are not None.

    Raises `msgspec.ValidationError` naming the setting when a value has the wrong type.
    """
    values: dict[str, Any] = {}
    for name in Settings.__struct_fields__:
        raw = os.environ.get(f"ONEFOLD_{name.upper()}")
        if raw is not None:
            values[name] = raw
        if flags.get(name) is not None:
            values[name] = flags[name]
    if "data" in values:
        values["data"] = str(values["data"])
    return msgspec.convert(values, Settings, strict=False, dec_hook=_decode)


def _decode(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)
