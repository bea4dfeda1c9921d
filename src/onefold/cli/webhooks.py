"""A source's webhook from the command line. The secret comes from a file or stdin, never argv."""

import sys
from pathlib import Path

import msgspec
import yaml

from onefold import sources
from onefold.cli import database
from onefold.kernel import clock, errors, settings
from onefold.kernel.viewer import SYSTEM
from onefold.sources import webhooks
from onefold.storage import Connection

_SECRET_BYTES = 24


def set_up(
    key: str,
    kind: str,
    secret_file: str | None,
    options: list[str],
    mapping: Path | None,
    data: Path | None,
    database_url: str | None,
) -> None:
    """Set the webhook of a source up; the address for the vendor is alone on stdout."""
    config = webhooks.config_of(kind, _pairs(options), _mapping(mapping))
    secret = _secret(secret_file)
    with database.connected(data, database_url) as conn:
        source = _source(conn, key)
        before = webhooks.store.get(conn, SYSTEM, source.id)
        tail = ""
        if secret is None and before is None and webhooks.KINDS[config.kind].in_address:
            secret = clock.token("wh_", _SECRET_BYTES)
            tail = f"?token={secret}"
        webhooks.store.save(
            conn, SYSTEM, source.id, config, now_ms=clock.now_ms(), secret=secret,
            keep_former=before is not None,
        )  # fmt: skip
        conn.commit()
    host = settings.load().public_url.rstrip("/") or "http://localhost:8080"
    host = host if "//" in host else f"https://{host}"
    print(f"Paste this address at {webhooks.KINDS[config.kind].label}:", file=sys.stderr)
    print(f"{host}/v1/webhook/{source.key}{tail}")


def _source(conn: Connection, key: str) -> sources.Source:
    for source in sources.list_all(conn, SYSTEM):
        if key in (source.key, source.api_id):
            return source
    raise errors.NotFound(f"There is no source `{key}`. See `onefold sources list`.")


def _secret(file: str | None) -> str | None:
    if file is None:
        return None
    text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    return text.strip()


def _pairs(options: list[str]) -> dict[str, str]:
    pairs = [option.partition("=") for option in options]
    for name, found, _ in pairs:
        if not found:
            raise errors.Invalid(
                errors.Fault("option", f"`{name}` has no value.", "Write `name=value`.")
            )
    return {name: value for name, _, value in pairs}


def _mapping(file: Path | None) -> object:
    """A mapping from a YAML or JSON file."""
    if file is None:
        return None
    try:
        return msgspec.to_builtins(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise errors.Invalid(
            errors.Fault("mapping", f"`{file}` cannot be read: {error}.", "Write YAML or JSON.")
        ) from None
