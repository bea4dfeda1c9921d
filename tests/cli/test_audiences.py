"""Audiences from the command line."""

import json
from pathlib import Path

import pytest

from onefold import audiences
from onefold.cli import audiences as commands
from onefold.kernel.viewer import SYSTEM
from onefold.storage import Connection
from tests.worker.harness import Bench, identify, track


def test_a_definition_goes_in_by_a_file_and_members_come_out(
    conn: Connection, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(conn)
    bench.send(identify("ann", name="Ann", email="ann@acme.co"), track("ann", "Exported"))
    bench.settle()
    where = {"data": tmp_path, "database_url": database}
    file = tmp_path / "a.yaml"
    file.write_text("audience: exporters\nof: person\nwhere:\n  count: {event: Exported}\n")
    with pytest.raises(SystemExit):
        commands.create(file, **where)
    assert "how often" in capsys.readouterr().err
    file.write_text(file.read_text() + "  at_least: 1\n")
    commands.preview(file, **where)
    assert json.loads(capsys.readouterr().out)["size"] == 1
    for _ in range(2):  # the second time it is changed
        commands.create(file, **where)
    bench.wait(200)
    listed = tmp_path / "l.yaml"
    listed.write_text("audience: vips\nof: person\nlist: true\n")
    commands.create(listed, **where)
    emails = tmp_path / "emails.csv"
    emails.write_text("email\nann@acme.co\nnobody@x.co\n")
    capsys.readouterr()
    commands.upload("vips", emails, **where)
    assert json.loads(capsys.readouterr().out)["matched"] == 1
    bench.wait(200)
    commands.export("vips", **where)
    assert "Ann,ann@acme.co" in capsys.readouterr().out
    commands.list_(**where)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["live", "list"]
    commands.show("exporters", **where)
    assert json.loads(capsys.readouterr().out)["audience"] == "exporters"
    assert len(audiences.list_all(conn, SYSTEM)) == 2
