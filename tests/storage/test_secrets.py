"""Secrets at rest: sealed in the tables, opened by whoever has a key, sealed anew by a new one."""

import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from onefold import activation, sources, storage
from onefold.kernel import clock, errors, limits, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import sealing
from onefold.sources import connectors, pulls, webhooks
from onefold.storage import secrets

WORD = "s3cr3t of ours, pässword"
PLACE = pulls.model.Place("postgresql", host="db.example", database="shop", user="reader")


@pytest.fixture
def chosen(tmp_path: Path, sealed_by: settings.Settings) -> Iterator[settings.Settings]:
    """A data folder of the test's own."""
    mine = settings.load(data=tmp_path)
    secrets.use(mine)
    yield mine
    secrets.use(sealed_by)


def _keep(conn: storage.Connection) -> tuple[int, int, int]:
    """A secret of each kind."""
    source = sources.create(conn, SYSTEM, "Shop", "billing").id
    pull = pulls.setup.create(
        conn, SYSTEM, name="Shop", place=PLACE, secret=WORD, category="billing"
    ).id
    config = webhooks.config_of("hmac", {}, None)
    webhooks.store.save(conn, SYSTEM, source, config, now_ms=clock.now_ms(), secret=WORD)
    connector = connectors.store.create(
        conn, SYSTEM, name="Tap", source_id=source, protocol="singer", command=["tap"]
    ).id
    connectors.store.change(conn, SYSTEM, connector, config={"pwd": WORD}, pending={"pwd": WORD})
    return pull, source, connector


def _read(conn: storage.Connection, kept: tuple[int, int, int]) -> list[object]:
    pull, source, connector = kept
    key = sources.get(conn, SYSTEM, source).key
    endpoint = webhooks.store.endpoint(conn, key)
    held = connectors.store.for_run(conn, connector)
    return [
        pulls.store.for_run(conn, pull).secret, endpoint and endpoint.secrets, held.config,
        held.pending,
    ]  # fmt: skip


OPENED = [WORD, (WORD,), {"pwd": WORD}, {"pwd": WORD}]


def _rows(conn: storage.Connection) -> str:
    """All that the tables hold, as a dump would have it."""
    return "\n".join(
        str(row)
        for table in ("pull", "webhook", "connector")
        for row in conn.execute(f"SELECT t::text FROM {table} t".encode())
    )


def test_no_table_holds_a_secret_and_whoever_has_the_key_reads_it(
    conn: storage.Connection, chosen: settings.Settings
) -> None:
    kept = _keep(conn)
    assert WORD not in _rows(conn)
    assert _rows(conn).count("sealed:gAAAA") == 4
    assert _read(conn, kept) == OPENED
    assert stat.S_IMODE((chosen.data / secrets.FILE).stat().st_mode) == 0o600


def test_secrets_of_before_there_were_keys_are_read_and_then_sealed(
    conn: storage.Connection, chosen: settings.Settings
) -> None:
    kept = _keep(conn)
    conn.execute("UPDATE pull SET secret = %s", (WORD,))
    conn.execute("UPDATE webhook SET secret = %s", (WORD,))
    plain = psycopg.types.json.Jsonb({"pwd": WORD})
    conn.execute("UPDATE connector SET config = %s, pending = %s", (plain, plain))
    assert _read(conn, kept) == OPENED
    assert sealing.reseal(conn) == 3
    assert WORD not in _rows(conn)
    assert _read(conn, kept) == OPENED
    assert sealing.reseal(conn) == 0


def test_a_new_key_seals_anew_and_the_old_one_may_go(
    conn: storage.Connection, chosen: settings.Settings
) -> None:
    kept = _keep(conn)
    before = _rows(conn)
    secrets.rotate(chosen)
    assert _read(conn, kept) == OPENED
    assert sealing.reseal(conn) == 3
    assert not set(before.split("sealed:")) & set(_rows(conn).split("sealed:")[1:])
    file = chosen.data / secrets.FILE
    newest, older = file.read_text("utf-8").splitlines()
    file.write_text(newest, "utf-8")
    assert newest != older
    assert _read(conn, kept) == OPENED


def test_without_its_key_a_secret_is_missed_by_name_and_can_be_entered_again(
    conn: storage.Connection, chosen: settings.Settings
) -> None:
    pull, source, connector = _keep(conn)
    (chosen.data / secrets.FILE).unlink()
    secrets.use(chosen)  # as after a start
    one = pulls.store.for_run(conn, pull)
    with pytest.raises(errors.Invalid, match="key that it was sealed with is missing"):
        pulls.setup.tables(one.place, one.secret, "")
    with pytest.raises(errors.Unavailable, match=r"secret\.key"):
        webhooks.store.endpoint(conn, sources.get(conn, SYSTEM, source).key)
    assert connectors.store.for_run(conn, connector).config == {}
    assert sealing.reseal(conn) == 0  # what can't be opened is left as it is
    pulls.setup.move(conn, SYSTEM, pull, PLACE, "another")
    assert pulls.store.for_run(conn, pull).secret == "another"


def test_nobody_seals_with_a_key_that_the_server_does_not_have(
    conn: storage.Connection, chosen: settings.Settings
) -> None:
    kept = _keep(conn)
    secrets.use(settings.load(data=chosen.data / "elsewhere"))
    with pytest.raises(errors.Conflict, match="--data"):
        pulls.setup.move(conn, SYSTEM, kept[0], PLACE, "another")
    secrets.use(chosen)
    secrets.rotate(chosen)
    pulls.setup.move(conn, SYSTEM, kept[0], PLACE, "another")
    assert pulls.store.for_run(conn, kept[0]).secret == "another"


def test_keys_of_a_setting_come_first_and_those_of_the_file_open_still(
    conn: storage.Connection, chosen: settings.Settings
) -> None:
    old = secrets.seal(conn, WORD)
    key = "k" * limits.secret_key_chars_min
    secrets.use(settings.load(data=chosen.data, secret_keys=f"{key}, {'l' * 40}"))
    assert secrets.unseal(old) == WORD
    new = secrets.seal(conn, WORD)
    secrets.use(settings.load(data=chosen.data / "another machine", secret_keys=key))
    assert secrets.unseal(new) == WORD
    assert not (chosen.data / "another machine").exists()
    secrets.use(settings.load(data=chosen.data, secret_keys="short"))
    with pytest.raises(errors.Conflict, match="needs 32"):
        secrets.seal(conn, WORD)
    with pytest.raises(errors.Conflict, match="ONEFOLD_SECRET_KEYS"):
        secrets.rotate(settings.load(data=chosen.data, secret_keys="short"))
    secrets.use(chosen)
    assert secrets.seal(conn, "") == secrets.unseal("") == ""
    assert secrets.unseal("sealed with a kiss") == "sealed with a kiss"


def test_a_destinations_secret_is_sealed_too(
    conn: storage.Connection, chosen: settings.Settings
) -> None:
    values = {"name": "Mail", "url": "https://mail.example/hook"}
    made, secret = activation.create(conn, SYSTEM, values, 1_790_000_000_000)
    activation.update(conn, SYSTEM, made.id, {"name": "Mail (EU)"})

    def stored() -> str:
        return str(conn.execute("SELECT config->>'secret' FROM destination").fetchall()[0][0])

    assert secret.startswith("whsec_")
    assert stored().startswith("sealed:")
    assert secrets.unseal(stored()) == secret
    plain = psycopg.types.json.Jsonb({"url": "https://mail.example/hook", "secret": secret})
    conn.execute("UPDATE destination SET config = %s", (plain,))  # as before there were keys
    assert secrets.unseal(stored()) == secret
    assert (sealing.reseal(conn), sealing.reseal(conn)) == (1, 0)
    assert stored().startswith("sealed:")
    assert secrets.unseal(stored()) == secret
