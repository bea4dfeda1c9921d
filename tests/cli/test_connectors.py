"""Connectors from the command line, without a server: the work is done here."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from onefold.cli import connecting as cli

TAP = Path(__file__).parents[1] / "sources/connectors/tap.py"
SECRET = "hunter2-of-the-cli"


def test_a_connector_from_its_program_to_rows(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("ONEFOLD_CONNECTORS", "true")
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"password": SECRET, "rows": 7}), encoding="utf-8")
    at = (tmp_path / "data", database)

    def told(command: Any, *args: Any, code: int = 0) -> tuple[str, str]:
        ended = 0
        try:
            command(*args, *at)
        except SystemExit as end:
            ended = int(end.code or 0)
        said = capsys.readouterr()
        assert ended == code, said.err
        assert SECRET not in said.out + said.err
        return said.out, said.err

    command = shlex.join([sys.executable, str(TAP), "airbyte"])
    made, _ = told(cli.create, "Shop", "airbyte", "", command, "", "", "billing", None)
    ref = made.splitlines()[-1]
    assert ref.startswith("cnn_")
    assert told(cli.configure, ref, str(file))[0] == "orders\n"
    shown, which = told(cli.streams, ref, ["orders"], None)
    assert "target: events" in shown
    assert which == "read\torders\n"
    plans = tmp_path / "plans.yaml"
    plans.write_text(shown.replace("Orders", "Order Paid"), encoding="utf-8")
    told(cli.streams, ref, None, plans)
    examples, counted = told(cli.preview, ref, "orders")
    assert "7 rows: " in counted
    assert '"event":"Order Paid"' in examples.splitlines()[0]
    assert told(cli.run, ref)[0] == "7 read, 7 taken, 0 known, 0 refused, 0 filtered\n"
    assert "read done" in told(cli.listed)[0]
    told(cli.reset, ref, None)
    assert told(cli.run, ref)[0] == "7 read, 0 taken, 7 known, 0 refused, 0 filtered\n"
    assert len(told(cli.runs, ref)[0].splitlines()) == 5
    file.write_text(json.dumps({"password": "wrong"}), encoding="utf-8")
    assert "the connector refuses it" in told(cli.configure, ref, str(file), code=1)[1]
    monkeypatch.setenv("ONEFOLD_CONNECTORS", "false")
    assert "ONEFOLD_CONNECTORS=true" in told(cli.run, ref, code=1)[1]
    told(cli.delete, ref)
    assert told(cli.listed)[0] == ""
