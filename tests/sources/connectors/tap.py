"""A small Singer tap and Airbyte source for tests: `tap.py singer|airbyte …`.

Config: `rows`, `password`, `die_at` (kills itself before that row), `noise`, `changed`.
"""

import json
import os
import signal
import sys
from pathlib import Path

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"}, "user_id": {"type": "string"}, "email": {"type": "string"},
        "created_at": {"type": "string", "format": "date-time"}, "total": {"type": "number"},
    },
}  # fmt: skip
SPEC = {
    "type": "object", "required": ["password"],
    "properties": {
        "rows": {"type": "integer", "minimum": 0},
        "password": {"type": "string", "airbyte_secret": True},
    },
}  # fmt: skip


def say(text, to=sys.stdout):
    to.write(text + "\n")
    to.flush()


def out(**message):
    say(json.dumps(message))


def option(name):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


def load(name):
    return json.loads(Path(option(name)).read_text(encoding="utf-8"))


def rows(config, start):
    for n in range(max(start, 1), config.get("rows", 10) + 1):
        if n == config.get("die_at"):
            os.kill(os.getpid(), signal.SIGKILL)
        yield {
            "id": n, "user_id": f"u{n % 7}", "email": f"u{n % 7}@acme.test",
            "created_at": "2026-11-20T10:00:00Z", "total": n * 1.5, "note": config.get("note"),
        }  # fmt: skip


def noise(config):
    if config.get("noise"):
        say("plain words with " + config["password"])
        say('{"type": 5}\n[1,2]\n{"type": "RECORD"}\n\x00\xff')
        say("stderr has " + config["password"], sys.stderr)


def singer():
    config = load("--config") if "--config" in sys.argv else {}
    if "--about" in sys.argv:
        out(name="tap", settings=SPEC)
    elif "--discover" in sys.argv:
        say(json.dumps({"streams": [{
            "tap_stream_id": "orders", "stream": "orders", "schema": SCHEMA,
            "key_properties": ["id"], "replication_key": "id",
            "metadata": [{"breadcrumb": [], "metadata": {"valid-replication-keys": ["id"]}}],
        }]}, indent=1))  # fmt: skip
    else:
        assert load("--catalog")["streams"][0]["metadata"][0]["metadata"]["selected"]
        state = load("--state") if "--state" in sys.argv else {}
        out(type="SCHEMA", stream="orders", schema=SCHEMA, key_properties=["id"])
        noise(config)
        if config.get("batch"):
            out(type="BATCH", stream="orders", manifest=[])
        for row in rows(config, state.get("id", 0)):  # inclusive, as taps are
            out(type="RECORD", stream="orders", record=row)
            out(type="STATE", value={"id": row["id"]})


def airbyte():
    verb = sys.argv[2]
    if verb == "spec":
        out(type="SPEC", spec={"connectionSpecification": SPEC})
        return
    config = load("--config")
    if verb == "check":
        good = config["password"] != "wrong"
        status = {
            "status": "SUCCEEDED" if good else "FAILED",
            "message": "no: " + config["password"],
        }
        out(type="CONNECTION_STATUS", connectionStatus=status)
    elif verb == "discover":
        out(type="CATALOG", catalog={"streams": [{
            "name": "orders", "json_schema": SCHEMA, "default_cursor_field": ["id"],
            "supported_sync_modes": ["full_refresh", "incremental"],
            "source_defined_primary_key": [["id"]],
        }]})  # fmt: skip
    else:
        assert load("--catalog")["streams"][0]["sync_mode"] == "incremental"
        state = load("--state") if "--state" in sys.argv else []
        start = state[0]["stream"]["stream_state"]["id"] if state else 0
        noise(config)
        for row in rows(config, start):
            out(type="RECORD", record={"stream": "orders", "data": row, "emitted_at": 0})
            part = {"stream_descriptor": {"name": "orders"}, "stream_state": {"id": row["id"]}}
            out(type="STATE", state={"type": "STREAM", "stream": part})
        if config.get("fail"):
            out(type="TRACE", trace={"type": "ERROR", "error": {"message": "quota is used up"}})
            sys.exit(1)


if __name__ == "__main__":
    {"singer": singer, "airbyte": airbyte}[sys.argv[1]]()
