"""Reverting an import: the world is as if the import had never been, whatever came before or after.

Worlds are invented by seed: overlapping users, addresses, devices and accounts in live events and
in the imported file. A world that imported and reverted is compared with one that did neither.
"""

import random
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from onefold import audiences, crm, profiles
from onefold.kernel import clock, limits, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import importing
from onefold.sources import imports
from onefold.storage import Connection, jobs
from tests.worker.harness import NOW, Bench, group, identify, track

HOUR = clock.HOUR_MS


class Who(dict[int, str]):
    """People by a fragment of theirs."""

    def __missing__(self, person: int) -> str:
        return f"nobody: {person}"


class World:
    """A worker, and imports as the process `jobs` runs them."""

    def __init__(self, conn: Connection, database: str, folder: Path) -> None:
        self.bench = Bench(conn)
        self.conn = conn
        self.folder = folder
        self.running = jobs.Running(database, settings.load(), threading.Event())
        self.bench.audience("pro", {"trait": "plan", "is": "pro"})
        self.bench.audience("busy", {"count": {"event": "Seen", "within": "7d"}, "at_least": 2})

    def load(self, target: str, lines: list[str]) -> int:
        path = self.folder / f"{target}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        one = importing.draft(
            self.conn, SYSTEM, path=path, name=path.name, target=target, now_ms=self.bench.now_ms
        )
        importing.start(self.conn, SYSTEM, one.id)
        self.conn.commit()
        importing.run(self.running, one.id)
        self.settle()
        done = imports.store.get(self.conn, SYSTEM, one.id)
        assert done.status == "done", done.error
        return one.id

    def revert(self, import_id: int) -> imports.Import:
        importing.revert(self.conn, SYSTEM, import_id)
        self.conn.commit()
        importing.take_back(self.running, import_id)
        for _ in range(100):
            self.bench.wait(1_000)
            one = imports.store.get(self.conn, SYSTEM, import_id)
            self.conn.commit()
            if one.status == "reverted":
                self.bench.wait(1_000)
                return one
        raise AssertionError("the revert did not end")

    def settle(self) -> None:
        self.bench.wait(1_000)

    def picture(self, *, ids: bool) -> dict[str, Any]:
        """Everything that facts make, without ids that only say in which order things came."""
        names = {i: n for n, i in profiles.store.names(self.conn).items()}
        known = {
            i: f"{n}:{v}" for i, n, v in self.rows("SELECT id, namespace, value FROM identifier")
        }
        leaves = dict(self.rows("SELECT id, key FROM leaf"))
        fragments = {}
        for i, identifier, start, owner in self.rows(
            "SELECT id, identifier_id, chapter_ms, owner_id FROM fragment"
        ):
            state = profiles.store.load_states(self.conn, [i])[i]
            if not state.events and start:
                continue  # retired
            fragments[known[identifier], start] = {
                "owner": known.get(owner),
                **{n: getattr(state, n) for n in ("first_ms", "last_ms", "events", "groups")},
                "names": {names[k]: n for k, n in state.names.items()},
                "traits": {k: list(t)[:3] for k, t in state.traits.items()},
                "seen": {known[k]: v for k, v in state.seen.items()},
                "leaves": {leaves[k]: v for k, v in state.leaves.items()},
                "at": sorted(at for at, _ in profiles.model.pairs(state.tail)),
            }
        people: dict[Any, set[str]] = {}
        for person, identifier, start in self.rows(
            "SELECT person_id, identifier_id, chapter_ms FROM fragment WHERE person_id <> 0"
        ):
            people.setdefault(person, set()).add(f"{known[identifier]}@{start}")
        who: dict[int, str] = Who({p: min(found) for p, found in people.items()})
        groups = {f"per_{p}" if ids else who[p]: sorted(found) for p, found in people.items()}
        return {
            "fragments": fragments,
            "people": groups,
            "links": {
                (known[a], known[b]) if known[a] < known[b] else (known[b], known[a]): (day, why)
                for a, b, day, why in self.rows("SELECT a, b, last_day, suppressed FROM link")
            },
            "logins": {
                (known[d], at, known[w])
                for d, at, w in self.rows("SELECT device_id, at_ms, who_id FROM login")
            },
            "usage": {
                (known[i], start, key, day, names[n]): count
                for i, start, key, day, n, count in self.rows(USAGE)
            },
            "accounts": self.rows(
                "SELECT key, name, domain, industry, plan, last_seen_ms FROM account ORDER BY key"
            ),
            "members": {
                (who[p], key): (since, last, primary)
                for p, key, since, last, primary in self.rows(MEMBERS)
            },
            "list": {
                who[p]: row for p, *row in self.rows(
                    "SELECT id, known, name, email, title, last_seen_ms FROM person"
                )
            },
            "audiences": self._audiences(who),
        }  # fmt: skip

    def _audiences(self, who: dict[int, str]) -> dict[str, list[str]]:
        found = {key: audiences.members(self.conn, SYSTEM, key) for key in ("pro", "busy")}
        return {key: sorted(who[i] for i, _ in members) for key, members in found.items()}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.conn.execute(query.encode()).fetchall()


USAGE = """
SELECT f.identifier_id, f.chapter_ms, coalesce(a.key, ''), u.day, u.name_id, u.n
FROM usage u JOIN fragment f ON f.id = u.fragment_id LEFT JOIN account a ON a.id = u.account_id
"""
MEMBERS = """
SELECT p.person_id, a.key, p.since_ms, p.last_ms, p.is_primary
FROM person_account p JOIN account a ON a.id = p.account_id
"""


@pytest.fixture
def world(conn: Connection, database: str, tmp_path: Path) -> World:
    return World(conn, database, tmp_path)


def _differ(a: Any, b: Any, path: str = "") -> list[str]:
    """Where two pictures differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        return [
            d
            for key in {**a, **b}
            for d in _differ(a.get(key, "nothing"), b.get(key, "nothing"), f"{path}/{key}")
        ]
    return [] if a == b else [f"{path}: {a} != {b}"]


def _live(
    rng: random.Random, n: int, at_ms: int, *, aliases: bool = False
) -> Iterator[dict[str, Any]]:
    """Events of a product, of a small world in which everything overlaps."""
    for _ in range(n):
        user, device = f"u{rng.randrange(5)}", f"d{rng.randrange(4)}"
        stamp = {"timestamp": clock.iso(at_ms - rng.randrange(40) * HOUR)}
        kind = rng.randrange(6 if aliases else 5)
        if kind == 0:
            yield {**identify(user, email=f"e{rng.randrange(5)}@x.co", plan=rng.choice("ab")),
                   **stamp}  # fmt: skip
        elif kind == 1:
            yield {**track(user, "Seen", anonymousId=device), **stamp}
        elif kind == 2:
            yield {"type": "track", "event": "Seen", "anonymousId": device, **stamp}
        elif kind == 5:
            former = f"u{rng.randrange(8)}"
            yield {"type": "alias", "userId": user, "previousId": former, **stamp}
        elif kind == 3:
            yield {
                **group(user, f"acc{rng.randrange(3)}", plan=rng.choice("ab"), name="A"),
                **stamp,
            }
        else:
            yield {**track(user, rng.choice(["Seen", "Exported"])), **stamp}


def _file(rng: random.Random, target: str, at_ms: int) -> list[str]:
    def when() -> str:
        return str(clock.iso(at_ms - rng.randrange(60) * HOUR))

    def some(*options: str) -> str:
        return rng.choice(options)

    rows = []
    for _ in range(rng.randrange(4, 16)):
        user, mail = f"u{rng.randrange(8)}", f"e{rng.randrange(8)}@x.co"
        account = f"acc{rng.randrange(5)}"
        if target == "people":
            rows.append(
                [some(user, user, ""), mail, some(account, ""), some("pro", "free"), when()]
            )
        elif target == "accounts":
            rows.append([account, some("Name A", "Name B"), some("pro", ""), when()])
        else:
            rows.append([some("Seen", "Invoice Paid"), some(user, ""), some(mail, ""),
                         f"d{rng.randrange(6)}", some(account, ""), when()])  # fmt: skip
    heads = {
        "people": "user_id,email,account_id,plan,timestamp",
        "accounts": "account_id,name,plan,timestamp",
        "events": "event,user_id,email,anonymous_id,account_id,timestamp",
    }
    return [heads[target], *(",".join(row) for row in rows)]


@pytest.mark.parametrize("rows", [1, 1_000])
@pytest.mark.parametrize("target", ["people", "accounts", "events"])
@pytest.mark.parametrize("seed", [0, 27, 29])
def test_after_import_and_revert_all_is_as_before(
    world: World, target: str, seed: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "import_chunk_rows", rows)
    rng = random.Random(seed)
    world.bench.send(*_live(rng, 12, NOW, aliases=True))
    world.settle()
    before = world.picture(ids=True)
    import_id = world.load(target, _file(rng, target, NOW))
    assert world.picture(ids=True) != before
    done = world.revert(import_id)
    assert done.reverted["facts"] > 0
    told = _differ(world.picture(ids=True), before)
    assert not told


@pytest.mark.parametrize("target", ["people", "accounts", "events"])
@pytest.mark.parametrize("seed", range(10, 13))
def test_what_came_after_the_import_stays_as_if_there_had_been_none(
    world: World, server_url: str, template: str, tmp_path: Path, target: str, seed: int
) -> None:
    rng = random.Random(seed)
    first, file = list(_live(rng, 10, NOW)), _file(rng, target, NOW)
    later = list(_live(rng, 10, NOW))
    world.bench.send(*first)
    world.settle()
    import_id = world.load(target, file)
    world.bench.send(*later)
    world.settle()
    world.revert(import_id)
    with_import = world.picture(ids=False)
    plain = _other(server_url, template, tmp_path)
    conn = next(plain)
    other = World(conn, conn.info.dsn, tmp_path)
    other.bench.send(*first)
    other.settle()
    other.bench.send(*later)
    other.settle()
    difference = _differ(with_import, other.picture(ids=False))
    plain.close()
    assert not difference, "\n".join(difference)


def _other(server_url: str, template: str, tmp_path: Path) -> Generator[Connection]:
    """Another database beside the test's."""
    import psycopg

    from onefold import storage
    from tests.conftest import swap_database

    name = f"onefold_other_{abs(hash(str(tmp_path))):x}"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
    try:
        with storage.connect(swap_database(server_url, name)) as conn:
            yield conn
    finally:
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def test_crm_rows_go_or_come_back_unless_somebody_was_there(world: World) -> None:
    conn, now = world.conn, world.bench.now_ms
    old = crm.contacts.create(conn, SYSTEM, {"email": "ann@x.co", "title": "CTO"}, now)
    both = crm.contacts.create(conn, SYSTEM, {"email": "eve@x.co", "title": "CEO"}, now)
    conn.commit()
    world.settle()
    before = world.picture(ids=True)
    import_id = world.load(
        "contacts",
        ["email,title,company", "ann@x.co,Boss,Acme Inc", "bob@x.co,Dev,Acme Inc",
         "eve@x.co,Chief,", "cat@x.co,Ops,"],
    )  # fmt: skip
    world.settle()
    eve = crm.contacts.get(conn, SYSTEM, both.id)
    crm.contacts.update(conn, SYSTEM, eve.id, {"phone": "1"}, now)
    cat = crm.undo.contacts_by_email(conn, SYSTEM, ["cat@x.co"])["cat@x.co"]
    crm.tickets.create(conn, SYSTEM, {"subject": "Help", "contact_id": f"con_{cat}"}, now)
    conn.commit()
    done = world.revert(import_id)
    assert crm.contacts.get(conn, SYSTEM, old.id).title == "CTO"
    assert crm.contacts.get(conn, SYSTEM, eve.id).title == "Chief"
    assert set(crm.undo.contacts_by_email(conn, SYSTEM, ["bob@x.co", "cat@x.co"])) == {"cat@x.co"}
    told = importing.report(conn, SYSTEM, done)
    assert "1 contact kept, because it was changed after the import" in told
    assert "1 contact kept, because a ticket refers to it" in told
    after = world.picture(ids=True)
    ann = ("email:ann@x.co", 0)
    assert after["fragments"].get(ann) == before["fragments"].get(ann)
    assert not any("bob" in str(key) for key in after["fragments"])
    assert any("cat" in str(links) for links in after["links"])
    assert [row[0] for row in after["accounts"]] == [row[0] for row in before["accounts"]]
    assert msgspec.json.encode(after["people"])
