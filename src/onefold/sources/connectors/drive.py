"""What a connector is asked: its spec, a check of its config, its streams, and to be read.

Config, catalog and state lie in a folder of their own that only we may read, while it runs.
"""

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec

from onefold.kernel import errors, limits
from onefold.sources.connectors import hidden, messages
from onefold.sources.connectors.model import Connector, Stream
from onefold.sources.connectors.process import Process, Words


@contextlib.contextmanager
def folder(data: Path) -> Iterator[Path]:
    """A folder for one run."""
    base = data / "connectors" / "runs"
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=base.absolute()) as name:
        yield Path(name)


def words_of(one: Connector) -> Words:
    """Where a connector's words go: without what its config hides."""
    secrets = hidden.values(one.spec, one.config)
    return Words(lambda text: hidden.scrub(text, secrets))


def spec(one: Connector, data: Path) -> dict[str, Any]:
    """The JSON Schema of its config; empty where it has none (older Singer taps)."""
    if one.protocol == "airbyte":
        found = _doc(one, data, "SPEC", ["spec"]).get("connectionSpecification")
        return found if isinstance(found, dict) else {}
    with contextlib.suppress(errors.OnefoldError):
        about = _json(one, data, ["--about", "--format=json"])
        found = about.get("settings")
        return found if isinstance(found, dict) else {}
    return {}


def check_config(schema: dict[str, Any], config: dict[str, Any]) -> None:
    """Raise `Invalid` naming each field of a config that its schema refuses."""
    if len(msgspec.json.encode(config)) > limits.connector_config_bytes_max:
        raise errors.Invalid(errors.Fault("config", "is too long.", "Leave out what is unused."))
    if not schema:
        return
    try:
        found = list(jsonschema_rs.validator_for(schema).iter_errors(config))
    except (ValueError, jsonschema_rs.ValidationError):
        return  # a schema that is none itself: the connector's own check decides
    faults = []
    for fault in found[: limits.connector_faults_max]:
        path = ".".join(["config", *(str(p) for p in fault.instance_path)])
        shown = hidden.scrub(fault.message, hidden.values(schema, config))
        faults.append(errors.Fault(path, f"{shown}.", "See the connector's spec."))
    if faults:
        raise errors.Invalid(*faults)


def check(one: Connector, data: Path) -> None:
    """Let it try its config. Raises `Invalid` with its own words."""
    if one.protocol == "singer":
        discover(one, data)
        return
    found = _doc(one, data, "CONNECTION_STATUS", ["check", "--config", "config.json"])
    if found.get("status") != "SUCCEEDED":
        secrets = hidden.values(one.spec, one.config)
        said = hidden.scrub(str(found.get("message") or "it gives no reason"), secrets)
        raise errors.Invalid(
            errors.Fault("config", f"the connector refuses it: {said[:1_000]}", "Correct it.")
        )


def discover(one: Connector, data: Path) -> list[Stream]:
    """Its streams."""
    if one.protocol == "singer":
        catalog = _json(one, data, ["--config", "config.json", "--discover"])
    else:
        catalog = _doc(one, data, "CATALOG", ["discover", "--config", "config.json"])
    return messages.streams(one.protocol, catalog)


def reading(one: Connector, where: Path) -> list[str]:
    """Its command to read what is chosen from where it stands; writes the files it needs."""
    _write(where / "config.json", one.config)
    catalog = messages.chosen(one.protocol, one.catalog, one.streams)
    _write(where / "catalog.json", catalog)
    verb = [] if one.protocol == "singer" else ["read"]
    old = "--properties" in one.command  # taps from before catalogs had that name
    command = [part for part in one.command if part != "--properties"]
    flag = "--properties" if old else "--catalog"
    command += [*verb, "--config", "config.json", flag, "catalog.json"]
    if one.state is not None:
        _write(where / "state.json", one.state)
        command += ["--state", "state.json"]
    return command


def _write(path: Path, value: Any) -> None:
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(value))


def _doc(one: Connector, data: Path, kind: str, verb: list[str]) -> dict[str, Any]:
    answer: dict[str, Any] | None = None
    said = ""
    for line in _lines(one, data, verb):
        message = messages.parse("airbyte", line)
        if isinstance(message, messages.Doc) and message.kind == kind:
            answer = message.value
        elif isinstance(message, messages.Word) and message.fatal:
            said = message.text
    if answer is None:
        raise _silent(one, verb[0], said)
    return answer


def _json(one: Connector, data: Path, flags: list[str]) -> dict[str, Any]:
    text = b"".join(_lines(one, data, flags))
    try:
        found = msgspec.json.decode(text[text.find(b"{") :] if b"{" in text else text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _silent(one, flags[-1], "")
    return found


def _lines(one: Connector, data: Path, verb: list[str]) -> list[bytes]:
    """All of a short answer, within its time and size."""
    words = words_of(one)
    command = [part for part in one.command if part != "--properties"] + verb
    left = limits.connector_answer_bytes_max
    out: list[bytes] = []
    with folder(data) as where:
        _write(where / "config.json", one.config)
        with Process(command, where, words) as process:
            timer = threading.Timer(limits.connector_answer_s, process.stop)
            timer.start()
            try:
                for line in process.lines():
                    left -= len(line or b"") if line is not None else left + 1
                    if left < 0:
                        raise errors.TooLarge(f"`{one.name}` answers more than we can take.")
                    out.append(line or b"")
                code = process.wait()
            finally:
                timer.cancel()
    if code and one.protocol == "singer":
        last = " ".join(words.list()[-3:])
        raise _silent(one, verb[-1], f"it ended with code {code}. {last}")
    return out


def _silent(one: Connector, verb: str, said: str) -> errors.Invalid:
    secrets = hidden.values(one.spec, one.config)
    reason = hidden.scrub(said, secrets)[:1_000] or "it gave no answer"
    return errors.Invalid(
        errors.Fault("command", f"`{verb}` failed: {reason}", "Check its command and its config.")
    )
