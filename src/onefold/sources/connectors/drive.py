"""What a connector is asked: its spec, a check of its config, its streams, and to be read.

Config, catalog and state lie in a folder of their own that only we may read, while it runs.
"""

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec

from onefold.kernel import errors, limits
from onefold.sources.connectors import hidden, messages
from onefold.sources.connectors.model import Connector, Plan, Stream
from onefold.sources.connectors.process import Process, Words

Begun = Callable[[Process], None]
_DOCS = frozenset(("--properties",))


@contextlib.contextmanager
def folder(data: Path) -> Iterator[Path]:
    """A folder for one run."""
    base = data / "connectors" / "runs"
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=base.absolute()) as name:
        yield Path(name)


def words_of(one: Connector, before: list[str] | None = None) -> Words:
    """Where a connector's words go: without what its config hides."""
    secrets = hidden.of(one)
    return Words(lambda text: hidden.scrub(text, secrets), before)


def check_config(schema: dict[str, Any], config: dict[str, Any]) -> None:
    """Raise `Invalid` naming each field of a config that its schema refuses."""
    if len(msgspec.json.encode(config)) > limits.connector_config_bytes_max:
        raise errors.Invalid(errors.Fault("config", "is too long.", "Leave out what is unused."))
    if not schema:
        return
    try:
        found = list(jsonschema_rs.validator_for(schema, offline=True).iter_errors(config))
    except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError):
        return  # a schema that is none itself: the connector's own check decides
    secrets = hidden.values(schema, config)
    faults = []
    for fault in found[: limits.connector_faults_max]:
        path = ".".join(["config", *(str(p) for p in fault.instance_path)])
        said = hidden.scrub(fault.message, secrets)[: limits.connector_word_chars_max]
        faults.append(errors.Fault(path, f"{said}.", "See the connector's spec."))
    if faults:
        raise errors.Invalid(*faults)


class Driver:
    """Asks a connector. `begun` is told of each process, so that somebody can end it."""

    def __init__(self, one: Connector, data: Path, words: Words, begun: Begun) -> None:
        self.one = one
        self.data = data
        self.words = words
        self.begun = begun

    def spec(self) -> dict[str, Any]:
        """The JSON Schema of its config; empty where it has none (older Singer taps)."""
        if self.one.protocol == "airbyte":
            found = self._doc("SPEC", ["spec"]).get("connectionSpecification")
            return found if isinstance(found, dict) else {}
        with contextlib.suppress(errors.Invalid):
            found = self._json(["--about", "--format=json"]).get("settings")
            return found if isinstance(found, dict) else {}
        return {}

    def check(self) -> None:
        """Let it try its config: a tap does so by discovery. Raises `Invalid` with its words."""
        if self.one.protocol == "singer":
            return
        found = self._doc("CONNECTION_STATUS", ["check", "--config", "config.json"])
        if found.get("status") != "SUCCEEDED":
            said = self._clean(str(found.get("message") or "it gives no reason"))
            raise errors.Invalid(
                errors.Fault("config", f"the connector refuses it: {said}", "Correct it.")
            )

    def discover(self) -> list[Stream]:
        """Its streams."""
        if self.one.protocol == "singer":
            catalog = self._json(["--config", "config.json", "--discover"])
        else:
            catalog = self._doc("CATALOG", ["discover", "--config", "config.json"])
        return messages.streams(self.one.protocol, catalog)

    def reading(self, where: Path, streams: dict[str, Plan], state: Any) -> list[str]:
        """Its command to read streams from a state; writes the files it needs."""
        one = self.one
        _write(where / "config.json", one.config)
        _write(where / "catalog.json", messages.chosen(one.protocol, one.catalog, streams))
        verb = [] if one.protocol == "singer" else ["read"]
        old = not _DOCS.isdisjoint(one.argv)  # taps from before catalogs had that name
        flag = "--properties" if old else "--catalog"
        command = [*self._command, *verb, "--config", "config.json", flag, "catalog.json"]
        if state is not None:
            _write(where / "state.json", state)
            command += ["--state", "state.json"]
        return command

    def sample(self, stream: str, plan: Plan) -> list[dict[str, Any]]:
        """The first rows of a stream, as many as come in time."""
        rows: list[dict[str, Any]] = []
        left = limits.connector_sample_bytes_max
        until = time.monotonic() + limits.connector_sample_s
        with folder(self.data) as where:
            command = self.reading(where, {stream: plan}, None)
            with Process(command, where, self.words) as child:
                self.begun(child)
                for line in child.lines(idle_s=limits.connector_look_s):
                    message = messages.parse(self.one.protocol, line) if line else None
                    if isinstance(message, messages.Record) and message.stream == stream:
                        left -= len(line or b"")
                        if left >= 0:
                            rows.append(message.data)
                    elif isinstance(message, messages.Word):
                        self.words.add(message.text)
                    enough = len(rows) >= limits.connector_sample_rows or left < 0
                    if enough or child.stopped.is_set() or time.monotonic() > until:
                        child.stop()
                        break
        return rows

    @property
    def _command(self) -> list[str]:
        return [part for part in self.one.argv if part not in _DOCS]

    def _clean(self, text: str) -> str:
        return hidden.scrub(text, hidden.of(self.one))[: limits.connector_word_chars_max]

    def _doc(self, kind: str, verb: list[str]) -> dict[str, Any]:
        answer: dict[str, Any] | None = None
        said = ""
        lines, _ = self._lines(verb)
        for line in lines:
            message = messages.parse("airbyte", line)
            if isinstance(message, messages.Doc) and message.kind == kind:
                answer = message.value
            elif isinstance(message, messages.Word):
                self.words.add(message.text)
                said = message.text if message.fatal else said
        if answer is None:
            raise self._silent(verb[0], said)
        return answer

    def _json(self, flags: list[str]) -> dict[str, Any]:
        lines, code = self._lines(flags)
        if code:
            last = " ".join(self.words.list()[-3:])
            raise self._silent(flags[-1], f"it ended with code {code}. {last}")
        text = b"\n".join(lines)
        try:
            found = msgspec.json.decode(text[text.find(b"{") :] if b"{" in text else text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self._silent(flags[-1], "")
        return found

    def _lines(self, verb: list[str]) -> tuple[list[bytes], int]:
        """All of a short answer, within its time and size, and the exit code."""
        most = limits.connector_answer_bytes_max
        left = most
        out: list[bytes] = []
        with folder(self.data) as where:
            _write(where / "config.json", self.one.config)
            with Process([*self._command, *verb], where, self.words) as process:
                self.begun(process)
                timer = threading.Timer(limits.connector_answer_s, process.stop)
                timer.start()
                try:
                    for line in process.lines(most):
                        left -= len(line) if line is not None else left + 1
                        if left < 0:
                            raise errors.TooLarge(
                                f"`{self.one.name}` answers more than we can take."
                            )
                        out.append(line or b"")
                    code = process.wait()
                finally:
                    timer.cancel()
        return out, code

    def _silent(self, verb: str, said: str) -> errors.Invalid:
        reason = self._clean(said) or "it gave no answer"
        return errors.Invalid(
            errors.Fault(
                "command", f"`{verb}` failed: {reason}", "Check its command and its config."
            )
        )


def _write(path: Path, value: Any) -> None:
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(value))
