"""Runs: everybody with a new model now and then (`full`) or with another (`weigh`), and what
changed each minute.

Each chunk is a transaction with the run's progress, so a run that was killed goes on where it was.
"""

import time
from typing import Any

import psycopg
import structlog

from onefold import identity
from onefold.identity import likeness, review
from onefold.kernel import clock, limits
from onefold.kernel.viewer import SYSTEM, Viewer
from onefold.record.matching import gather, store, trust, weigh
from onefold.storage import Connection, jobs

RUN, DUE = "identity.match", "identity.match.due"
KINDS = ("full", "weigh", "changed")
_TRUST_MOVED = 0.1  # share of the people after whose change the trust page is made anew
_LOCK = "identity.match"

logger = structlog.get_logger("onefold.record.matching")


def ask(conn: Connection, viewer: Viewer, kind: str, now_ms: int) -> likeness.Run:
    """Leave a run to the process `jobs`; the one that waits or is under way when there is one."""
    viewer.must_write()
    made = likeness.store.new_run(conn, kind, viewer.actor, now_ms)
    jobs.defer(conn, RUN, {"run_id": made.id}, lock=_LOCK, once=f"{_LOCK}.{made.id}")
    return made


def due(running: jobs.Running) -> None:
    """The periodic task: read who changed, and leave a run where there is something to weigh."""
    with running.connect() as conn:
        now_ms = clock.now_ms()
        setting = likeness.store.setting(conn)
        if not setting.enabled or now_ms < setting.look_ms:
            return
        if _under_way(conn, now_ms):
            conn.commit()
            return
        began = time.monotonic()
        moved = look(running, conn, now_ms)
        took_ms = int((time.monotonic() - began) * 1000)
        likeness.store.change_setting(conn, look_ms=now_ms + took_ms * limits.match_look_share)
        count, changed = likeness.store.count(conn)
        conn.commit()
        if kind := _whole_due(conn, setting, count, now_ms):
            ask(conn, SYSTEM, kind, now_ms)
        elif changed and setting.model_id is not None:
            ask(conn, SYSTEM, "changed", now_ms)
        conn.commit()
        if moved > count * _TRUST_MOVED:
            trust.refresh(conn, clock.now_ms())
            conn.commit()


def look(running: jobs.Running, conn: Connection, now_ms: int) -> int:
    """Read everybody who changed, and settle what facts or decisions answered; how many changed."""
    count = gather.gather(running, conn, now_ms)
    newest = store.newest_decision(conn)
    if newest != likeness.store.setting(conn).seen_decision:
        gather.settle_decided(conn, now_ms)
        likeness.store.change_setting(conn, seen_decision=newest)
    conn.commit()
    return count


def run(running: jobs.Running, run_id: int) -> None:
    """The task `identity.match`: from where the run stands to its end."""
    with running.connect() as conn:
        one = likeness.store.run(conn, run_id)
        if one.status in ("done", "failed"):
            return
        now_ms = clock.now_ms()
        started = one.started_ms or now_ms
        likeness.store.change_run(conn, run_id, status="running", started_ms=started)
        conn.commit()
        try:
            _go(running, conn, one)
        except (jobs.Interrupted, psycopg.OperationalError):
            raise
        except Exception as error:
            conn.rollback()
            logger.exception("matching failed", run=run_id)
            likeness.store.change_run(
                conn, run_id, status="failed", done_ms=clock.now_ms(),
                error=f"{type(error).__name__}: {error}"[:1_000],
            )  # fmt: skip
            conn.commit()


def _go(running: jobs.Running, conn: Connection, one: likeness.Run) -> None:
    if one.phase == "gather":
        look(running, conn, clock.now_ms())
        one = _note(conn, one, phase="train" if one.kind == "full" else "score")
    if one.phase == "train":
        _train(conn, one)
        one = _note(conn, one, phase="score")
    learnt = likeness.store.current(conn, SYSTEM)
    if learnt is not None and one.phase == "score":
        total, changed = likeness.store.count(conn)
        one = _note(conn, one, total=max(changed if one.kind == "changed" else total, one.done),
                    model_id=learnt.made.id)  # fmt: skip
        _score(running, conn, one, learnt)
    one = _note(conn, one, phase="settle")
    now_ms = clock.now_ms()
    review.store.tidy(conn, now_ms)
    if one.kind != "changed":
        trust.refresh(conn, now_ms)
    _note(conn, one, status="done", done_ms=clock.now_ms())


def _train(conn: Connection, one: likeness.Run) -> None:
    rows = likeness.store.sample(conn)
    total, _ = likeness.store.count(conn)
    rules = identity.namespaces.current(conn)
    conn.commit()  # training takes a while, and needs no transaction
    if len(rows) < limits.match_train_records_min:
        return
    sole = [rules.of(namespace).limit == 1 for _, namespace in rows]
    model = likeness.train.train([fields for fields, _ in rows], sole, total)
    body = likeness.train.body_of(model)
    digest = likeness.train.digest_of(body)
    likeness.store.add_model(
        conn, "trained", body, digest, (len(rows), total), one.asked_by, clock.now_ms()
    )


def _score(
    running: jobs.Running, conn: Connection, one: likeness.Run, learnt: likeness.Learnt
) -> None:
    """Weigh all records in order of id, or those that changed."""
    weigher = weigh.Weigher(conn, learnt, clock.now_ms())
    at = one.at_person
    sums = {"done": one.done, "pairs": one.pairs, "proposed": one.proposed, "joined": one.joined,
            "barred": one.barred}  # fmt: skip
    while True:
        running.check()
        weigher.refresh(conn)
        most = limits.match_chunk_records
        full = one.kind != "changed"
        chunk = likeness.store.after(conn, at, most) if full else likeness.store.changed(conn, most)
        if not chunk:
            return
        at = chunk[-1].person_id
        tally = weigher.chunk(conn, chunk, upto=at if full else None)
        likeness.store.scored(conn, [r.person_id for r in chunk], learnt.made.id)
        sums["done"] += len(chunk)
        for name in ("pairs", "proposed", "joined", "barred"):
            sums[name] += getattr(tally, name)
        likeness.store.change_run(conn, one.id, at_person=at, **sums)
        conn.commit()


def _note(conn: Connection, one: likeness.Run, **columns: Any) -> likeness.Run:
    likeness.store.change_run(conn, one.id, **columns)
    conn.commit()
    return likeness.store.run(conn, one.id)


def _under_way(conn: Connection, now_ms: int) -> bool:
    """Whether a run waits or is at work; one that its job gave up is handed in again."""
    found = [one for kind in KINDS if (one := likeness.store.open_run(conn, kind))]
    for one in found:
        if now_ms - (one.started_ms or one.asked_ms) > clock.HOUR_MS:
            jobs.defer(conn, RUN, {"run_id": one.id}, lock=_LOCK, once=f"{_LOCK}.{one.id}")
    return bool(found)


def _whole_due(conn: Connection, setting: likeness.Setting, count: int, now_ms: int) -> str | None:
    """The kind of pass over everybody that is due; a model that somebody loaded stays."""
    if count < limits.match_train_records_min:
        return None
    learnt = likeness.store.current(conn, SYSTEM)
    if learnt is None:
        return "full"
    last = likeness.store.last_whole_ms(conn)
    every_ms = setting.retrain_days * clock.DAY_MS
    if not every_ms or (last is not None and now_ms - last <= every_ms):
        return None
    return "weigh" if learnt.made.origin == "loaded" else "full"
