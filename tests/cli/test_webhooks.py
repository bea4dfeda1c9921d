"""`onefold sources webhook`: set up from a file, the secret never on the command line."""

from pathlib import Path

import pytest

from onefold import sources, storage
from onefold.cli import webhooks as cli
from onefold.kernel import errors
from onefold.kernel.viewer import SYSTEM
from onefold.sources import webhooks


@pytest.fixture
def source(conn: storage.Connection) -> sources.Source:
    made = sources.create(conn, SYSTEM, "Billing", "billing")
    conn.commit()
    return made


def found(conn: storage.Connection, source: sources.Source) -> webhooks.store.Endpoint:
    conn.rollback()
    one = webhooks.store.endpoint(conn, source.key)
    assert one
    return one


def test_a_vendor_is_set_up_and_its_secret_changed_without_losing_the_former(
    database: str, conn: storage.Connection, source: sources.Source, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file = tmp_path / "secret"
    file.write_text("whsec_one\n")
    cli.set_up("billing", "stripe", str(file), ["account_key=tenant"], None, None, database)
    out = capsys.readouterr()
    assert out.out.strip().endswith("/v1/webhook/billing")
    assert "whsec_one" not in out.out + out.err
    one = found(conn, source)
    assert (one.secrets, one.config.options) == (("whsec_one",), {"account_key": "tenant"})
    file.write_text("whsec_two")
    cli.set_up(source.api_id, "stripe", str(file), [], None, None, database)
    assert found(conn, source).secrets == ("whsec_two", "whsec_one")
    cli.set_up("billing", "stripe", None, [], None, None, database)
    assert found(conn, source).secrets == ("whsec_two", "whsec_one")


def test_a_mapping_comes_from_a_file_and_a_secret_is_made_where_none_is_given(
    database: str, conn: storage.Connection, source: sources.Source, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file = tmp_path / "mapping.yaml"
    file.write_text("event: kind\nemail: buyer.mail\nproperties: {sum: cents}\n")
    cli.set_up("billing", "json", None, [], file, None, database)
    address = capsys.readouterr().out.strip()
    one = found(conn, source)
    assert address.endswith(f"/v1/webhook/billing?token={one.secrets[0]}")
    assert one.config.mapping == webhooks.Mapping(
        event="kind", email="buyer.mail", properties={"sum": "cents"}
    )


def test_what_cannot_work_says_why(database: str, source: sources.Source, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("event: [")
    for call in (
        ("nobody", "stripe", None, [], None), ("billing", "fax", None, [], None),
        ("billing", "stripe", None, [], None), ("billing", "stripe", None, ["x"], None),
        ("billing", "json", None, [], bad), ("billing", "json", None, [], tmp_path / "none"),
    ):  # fmt: skip
        with pytest.raises((errors.Invalid, errors.NotFound)):
            cli.set_up(*call, None, database)
