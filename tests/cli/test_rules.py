"""`onefold plans` and `onefold transformations`: files in, files out, tried before they hold."""

import json
from pathlib import Path

import msgspec
import pytest

from onefold import governance, log, sources, storage
from onefold.cli import rules as cli
from onefold.governance import plan_store, transform_store
from onefold.kernel import errors
from onefold.kernel.viewer import SYSTEM

PLAN = """
plan: Product
events:
  Report Exported:
    violations: quarantine
    properties:
      format: {enum: [pdf, csv]}
"""
STEPS = """
steps:
- do: rename
  event: Exported
  to: Report Exported
"""


@pytest.fixture
def source(conn: storage.Connection) -> sources.Source:
    made = sources.create(conn, SYSTEM, "App", "product")
    sent = [
        {"type": "track", "userId": "u1", "event": "Exported", "properties": {"format": f}}
        for f in ("pdf", "exe")
    ]
    row = log.Row(made.id, made.category, 1, 2, log.pack(msgspec.json.encode({"batch": sent})))
    log.append(conn, [row])
    conn.commit()
    return made


def test_a_plan_is_tried_applied_listed_and_exported(
    database: str, conn: storage.Connection, source: sources.Source, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file, steps = tmp_path / "plan.yaml", tmp_path / "steps.yaml"
    file.write_text(PLAN)
    steps.write_text(STEPS)
    cli.transformations_apply(source.key, steps, database_url=database)
    governance.take_up(conn, 0)
    conn.commit()
    capsys.readouterr()
    cli.plans_preview(file, source.key, database_url=database)
    out = capsys.readouterr().out
    assert "refused\tReport Exported" in out
    assert "changed\tReport Exported" in out
    assert plan_store.list_all(conn, SYSTEM) == []
    conn.rollback()
    cli.plans_apply(file, source=[source.key], database_url=database)
    assert capsys.readouterr().out == "product\n"
    cli.plans_list(database_url=database)
    assert capsys.readouterr().out == f"product\t1\t{source.key}\n"
    cli.plans_export("product", database_url=database)
    exported = capsys.readouterr().out
    file.write_text(exported.replace("csv", "xlsx"))
    cli.plans_apply(file, key="product", draft=True, database_url=database)
    conn.rollback()
    found = plan_store.get(conn, SYSTEM, "product")
    assert (found.published, "xlsx" in found.body) == (1, True)
    cli.plans_export("product", form="rudderstack", database_url=database)
    assert "Report Exported" in capsys.readouterr().out


def test_a_transformation_is_tried_applied_listed_and_exported(
    database: str, conn: storage.Connection, source: sources.Source, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file = tmp_path / "steps.json"
    file.write_text(json.dumps({"steps": [{"do": "rename", "event": "Exported", "to": "Sent"}]}))
    cli.transformations_preview(source.key, file, database_url=database)
    out = capsys.readouterr().out
    assert out.count("changed\tSent") == 2
    assert "'Exported' → 'Sent'" in out
    assert transform_store.newest(conn, SYSTEM, source.id) is None
    conn.rollback()
    cli.transformations_apply(source.api_id, file, note="names", database_url=database)
    assert capsys.readouterr().out == "1\n"
    cli.transformations_list(database_url=database)
    assert capsys.readouterr().out == f"{source.key}\t1\t1\n"
    cli.transformations_export(source.key, database_url=database)
    exported = capsys.readouterr().out
    file.write_text(exported)
    cli.transformations_apply(source.key, file, database_url=database)
    assert capsys.readouterr().out == "1\n", "the same steps are no new version"


def test_what_cannot_be_read_says_what_to_do(database: str, tmp_path: Path) -> None:
    with pytest.raises(errors.Invalid, match="cannot be read"):
        cli.plans_apply(tmp_path / "none.yaml", database_url=database)
    file = tmp_path / "steps.yaml"
    file.write_text("steps: []")
    with pytest.raises(errors.NotFound, match="sources list"):
        cli.transformations_apply("nobody", file, database_url=database)
