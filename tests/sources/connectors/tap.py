"""A small Singer tap and Airbyte source for tests: `tap.py singer|airbyte …`.

Config: `rows`, `password`, `die_at` (kills itself before that row), `hang_at` (says nothing more),
`noise`, `note` (a field of each row), `fail`, `batch`, `huge` (bytes of a line before the rows),
`states` (STREAM, GLOBAL or LEGACY), `every` (rows between states), `ids` (of rows without state).
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
        "note": {"type": ["string", "null"]},
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
    for _ in range(config.get("huge", 0) // 1_000_000):
        sys.stdout.write("x" * 1_000_000)
    if config.get("huge"):
        say("")
    for n in range(max(start, 1), config.get("rows", 10) + 1):
        if n == config.get("die_at"):
            os.kill(os.getpid(), signal.SIGKILL)
        if n == config.get("hang_at"):
            signal.pause()
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
            if row["id"] % config.get("every", 1) == 0:
                out(type="STATE", value={"id": row["id"]})


def stands(kind, n):
    part = {"stream_descriptor": {"name": "orders"}, "stream_state": {"id": n}}
    if kind == "LEGACY":
        return {"data": {"orders": {"id": n}}}
    if kind == "GLOBAL":
        return {"type": "GLOBAL", "global": {"shared_state": {"lsn": n}, "stream_states": [part]}}
    return {"type": "STREAM", "stream": part}


def stood(state):
    if isinstance(state, dict):
        return state["orders"]["id"]
    (one,) = state
    part = one["global"]["stream_states"][0] if one["type"] == "GLOBAL" else one["stream"]
    return part["stream_state"]["id"]


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
        start = stood(state) if state else 0
        noise(config)
        for row in rows(config, start):
            out(type="RECORD", record={"stream": "orders", "data": row, "emitted_at": 0})
            out(type="STATE", state=stands(config.get("states"), row["id"]))
        if config.get("fail"):
            out(type="TRACE", trace={"type": "ERROR", "error": {"message": "quota is used up"}})
            sys.exit(1)


if __name__ == "__main__":
    {"singer": singer, "airbyte": airbyte}[sys.argv[1]]()
