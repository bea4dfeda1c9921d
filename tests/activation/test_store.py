from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onefold import activation, governance, log, storage
from onefold.activation import store
from onefold.activation.model import Job, Outcome, Verdict
from onefold.kernel import clock, errors, facts, limits
from onefold.storage import secrets
from tests.activation.parts import ADMIN, MEMBER, NOW, READER, change, destination

URL = "https://hooks.example.com/onefold"
DST = 1


def claim(conn: storage.Connection, now_ms: int, rows_max: int = 100) -> list[Job]:
    batch = store.claim(conn, _only(conn), rows_max, now_ms)
    return batch.jobs if batch else []


def settle(
    conn: storage.Connection, job: Job, status: str, now_ms: int, next_ms: int = 0, **more: Any
) -> None:
    verdict = Verdict(status, "said", **more)  # type: ignore[arg-type]
    store.settle(conn, [Outcome(job, _only(conn), "mail-tool", verdict, next_ms)], now_ms)


def _only(conn: storage.Connection) -> int:
    row = conn.execute("SELECT min(id) FROM destination").fetchone()
    assert row is not None
    return int(row[0])


def told(conn: storage.Connection) -> list[facts.Fact | facts.Refusal]:
    return [f for row in log.read(conn, 0) for f in governance.admit(row)]


# ── destinations ───────────────────────────────────────────────────────────────────────────────


def test_a_secret_is_shown_once_and_never_again(conn: storage.Connection) -> None:
    made, secret = destination(conn, URL)
    assert secret.startswith("whsec_")
    seen = [made, activation.get(conn, READER, made.id), *activation.list_all(conn, READER)]
    seen.append(activation.update(conn, ADMIN, made.id, {"name": "Other"}))
    assert all(secret not in repr(d) for d in seen)


@pytest.mark.parametrize("viewer", [READER, MEMBER])
def test_only_admins_make_and_change_destinations(conn: storage.Connection, viewer: Any) -> None:
    made, _ = destination(conn, URL)
    with pytest.raises(errors.Forbidden):
        activation.create(conn, viewer, {"name": "x", "url": URL}, NOW)
    with pytest.raises(errors.Forbidden):
        activation.update(conn, viewer, made.id, {"name": "x"})
    with pytest.raises(errors.Forbidden):
        activation.retry(conn, viewer, "dlv_1", NOW)


def test_every_fault_is_named_at_once(conn: storage.Connection) -> None:
    values = {"name": " ", "url": "x", "kind": "fax", "audiences": "a", "enabled": 1, "colour": 2}
    with pytest.raises(errors.Invalid) as raised:
        activation.create(conn, ADMIN, values, NOW)
    fields = {f.field for f in raised.value.faults}
    assert fields == {"name", "url", "kind", "audiences", "enabled", "colour"}


def test_names_may_repeat_but_keys_do_not(conn: storage.Connection) -> None:
    keys = [destination(conn, URL, name="Mail tool (EU)")[0].key for _ in range(3)]
    assert keys == ["mail-tool-eu", "mail-tool-eu-2", "mail-tool-eu-3"]


def test_an_edit_of_an_old_version_is_a_conflict_that_shows_what_is_there(
    conn: storage.Connection,
) -> None:
    made, _ = destination(conn, URL)
    activation.update(conn, ADMIN, made.id, {"name": "New"}, expected_version=1)
    with pytest.raises(errors.Conflict) as raised:
        activation.update(conn, ADMIN, made.id, {"name": "Late"}, expected_version=1)
    assert raised.value.current["name"] == "New"


def test_a_new_url_keeps_the_secret(conn: storage.Connection) -> None:
    made, secret = destination(conn, URL)
    activation.update(conn, ADMIN, made.id, {"url": URL + "/new"})
    activation.enqueue(conn, [change()], NOW)
    batch = store.claim(conn, _only(conn), 10, NOW)
    assert batch is not None
    assert batch.config["url"] == URL + "/new"
    assert secrets.unseal(batch.config["secret"]) == secret


def test_an_unknown_destination_is_not_found(conn: storage.Connection) -> None:
    with pytest.raises(errors.NotFound):
        activation.get(conn, READER, "dst_99")


# ── the queue ──────────────────────────────────────────────────────────────────────────────────


def test_a_change_goes_to_every_enabled_destination_that_wants_its_audience(
    conn: storage.Connection,
) -> None:
    destination(conn, URL)
    destination(conn, URL, audiences=("exports", "trials"))
    destination(conn, URL, audiences=("trials",))
    off, _ = destination(conn, URL)
    activation.update(conn, ADMIN, off.id, {"enabled": False})
    assert activation.subscribed(conn) == {"exports", "trials"}
    assert activation.enqueue(conn, [change(1), change(2, audience="nobody's")], NOW) == 2
    assert activation.enqueue(conn, [], NOW) == 0


def test_an_exit_waits_for_its_enter(conn: storage.Connection) -> None:
    destination(conn, URL)
    activation.enqueue(conn, [change(1), change(2), change(1, entered=False)], NOW)
    first, other = claim(conn, NOW)
    assert [first.payload["person"]["id"], other.payload["person"]["id"]] == ["per_1", "per_2"]
    assert claim(conn, NOW) == []
    settle(conn, first, "retry", NOW, next_ms=NOW + 500)
    assert claim(conn, NOW + 499) == []
    (again,) = claim(conn, NOW + 500)
    assert (again.id, again.message_id, again.attempts) == (first.id, first.message_id, 2)
    settle(conn, again, "sent", NOW + 600)
    (last,) = claim(conn, NOW + 600)
    assert last.payload["type"] == "audience.exited"


def test_a_refused_enter_does_not_hold_its_exit_for_ever(conn: storage.Connection) -> None:
    destination(conn, URL)
    activation.enqueue(conn, [change(1), change(1, entered=False)], NOW)
    settle(conn, claim(conn, NOW)[0], "failed", NOW)
    assert claim(conn, NOW)[0].payload["type"] == "audience.exited"


def test_a_row_that_nobody_settled_comes_back_when_its_lease_is_over(
    conn: storage.Connection,
) -> None:
    destination(conn, URL)
    activation.enqueue(conn, [change()], NOW)
    (first,) = claim(conn, NOW)
    lease_ms = limits.outbox_lease_s * 1000
    assert claim(conn, NOW + lease_ms - 1) == []
    (again,) = claim(conn, NOW + lease_ms)
    assert again.message_id == first.message_id


def test_two_claims_at_once_never_share_a_row(database: str, conn: storage.Connection) -> None:
    destination(conn, URL)
    activation.enqueue(conn, [change(n) for n in range(10)], NOW)
    conn.commit()
    mine = claim(conn, NOW, rows_max=4)
    with storage.connect(database) as other:
        assert store.claim(other, _only(other), 100, NOW) is None  # held: not this one's turn
        conn.commit()
        theirs = claim(other, NOW)
    assert len(mine) == 4
    assert len(theirs) == 6
    assert not {j.id for j in mine} & {j.id for j in theirs}


def test_an_outcome_is_marked_once_and_told_once(conn: storage.Connection) -> None:
    destination(conn, URL)
    activation.enqueue(conn, [change()], NOW)
    (job,) = claim(conn, NOW)
    settle(conn, job, "sent", NOW + 5)
    settle(conn, job, "failed", NOW + 6)
    (fact,) = told(conn)
    assert isinstance(fact, facts.Fact)
    assert fact.name == "Audience Change Delivered"
    assert str(fact.home) == "user_id:u1"
    assert fact.category == "system"
    assert fact.at_ms == NOW + 5
    (row,) = activation.deliveries(conn, READER).rows
    assert (row.status, row.answer, row.done_at) == ("sent", "said", clock.iso(NOW + 5))


def test_every_kind_of_home_gets_its_fact(conn: storage.Connection) -> None:
    destination(conn, URL)
    homes = ["user_id:a", "anonymous_id:b", "email:c@d.co", "contact:4", "account_id:acme"]
    activation.enqueue(conn, [change(n, home=h) for n, h in enumerate(homes)], NOW)
    for job in claim(conn, NOW):
        settle(conn, job, "sent", NOW)
    assert [str(f.home) for f in told(conn) if isinstance(f, facts.Fact)] == homes


def test_a_receiver_that_is_gone_turns_the_destination_off_and_keeps_the_rest(
    conn: storage.Connection,
) -> None:
    made, _ = destination(conn, URL)
    activation.enqueue(conn, [change(1), change(2)], NOW)
    settle(conn, claim(conn, NOW, rows_max=1)[0], "failed", NOW, gone=True)
    off = activation.get(conn, READER, made.id)
    assert not off.enabled
    assert "410" in off.disabled_reason
    assert store.due(conn, NOW) == []
    assert claim(conn, NOW) == []
    renamed = activation.update(conn, ADMIN, made.id, {"name": "Still off"})
    assert "410" in renamed.disabled_reason
    assert activation.update(conn, ADMIN, made.id, {"enabled": True}).disabled_reason == ""
    assert len(claim(conn, NOW)) == 1


def test_what_waits_too_long_is_given_up_even_when_the_destination_is_off(
    conn: storage.Connection,
) -> None:
    made, _ = destination(conn, URL)
    activation.enqueue(conn, [change()], NOW)
    activation.update(conn, ADMIN, made.id, {"enabled": False})
    late = NOW + limits.outbox_age_max_h * clock.HOUR_MS + 1
    assert store.expire(conn, late - 1) == 0
    assert store.expire(conn, late) == 1
    (row,) = activation.deliveries(conn, READER, status="failed").rows
    assert "hours" in row.answer
    assert [f.name for f in told(conn) if isinstance(f, facts.Fact)] == ["Audience Change Failed"]


def test_deliveries_are_forgotten_after_a_while(conn: storage.Connection) -> None:
    destination(conn, URL)
    activation.enqueue(conn, [change(1), change(2)], NOW)
    settle(conn, claim(conn, NOW, rows_max=1)[0], "sent", NOW)
    later = NOW + limits.outbox_kept_days * clock.DAY_MS
    assert store.prune(conn, later) == 0
    assert store.prune(conn, later + 1) == 1
    assert [d.status for d in activation.deliveries(conn, READER).rows] == ["pending"]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("enqueue"), st.integers(1, 3)),
            st.tuples(st.just("claim"), st.integers(1, 4)),
            st.tuples(st.sampled_from(("sent", "retry", "failed")), st.integers(0, 5)),
            st.tuples(st.just("crash"), st.just(0)),
        ),
        max_size=40,
    )
)
def test_per_subject_changes_go_out_in_order_and_one_at_a_time(
    conn: storage.Connection, steps: list[tuple[str, int]]
) -> None:
    conn.execute("TRUNCATE destination, outbox CASCADE")
    destination(conn, URL)
    now_ms, flying, last = NOW, {}, {}
    for step, n in steps:
        now_ms += 1_000
        if step == "enqueue":
            activation.enqueue(conn, [change(n)], now_ms)
        elif step == "claim":
            for job in claim(conn, now_ms, rows_max=n):
                subject = job.payload["person"]["id"]
                assert subject not in flying
                assert job.id >= last.get(subject, 0)
                flying[subject], last[subject] = job, job.id
        elif step == "crash":
            now_ms += limits.outbox_lease_s * 1000
            flying.clear()
        elif flying:
            subject = sorted(flying)[n % len(flying)]
            settle(conn, flying.pop(subject), step, now_ms, next_ms=now_ms + 1_500)


# ── what became of it ──────────────────────────────────────────────────────────────────────────


def test_deliveries_come_in_pages_newest_first(conn: storage.Connection) -> None:
    made, _ = destination(conn, URL)
    activation.enqueue(conn, [change(n) for n in range(1, 6)], NOW)
    first = activation.deliveries(conn, READER, rows_max=2)
    second = activation.deliveries(conn, READER, rows_max=2, cursor=first.next)
    last = activation.deliveries(conn, READER, rows_max=2, cursor=second.next)
    entities = [d.entity for page in (first, second, last) for d in page.rows]
    assert entities == ["per_5", "per_4", "per_3", "per_2", "per_1"]
    assert last.next is None
    assert activation.deliveries(conn, READER, destination_id="dst_9999").rows == []
    assert len(activation.deliveries(conn, READER, destination_id=made.id).rows) == 5
    with pytest.raises(errors.Invalid):
        activation.deliveries(conn, READER, status="lost")


def test_a_failed_delivery_can_be_sent_again_under_its_id(conn: storage.Connection) -> None:
    destination(conn, URL)
    activation.enqueue(conn, [change()], NOW)
    (job,) = claim(conn, NOW)
    settle(conn, job, "failed", NOW)
    (row,) = activation.deliveries(conn, READER).rows
    assert activation.retry(conn, ADMIN, row.id, NOW + 9).status == "pending"
    (again,) = claim(conn, NOW + 9)
    assert (again.message_id, again.attempts) == (job.message_id, 1)
    with pytest.raises(errors.Conflict):
        activation.retry(conn, ADMIN, row.id, NOW + 9)
    with pytest.raises(errors.NotFound):
        activation.retry(conn, ADMIN, "dlv_99999", NOW)


def test_a_failed_enter_is_not_sent_after_its_exit(conn: storage.Connection) -> None:
    destination(conn, URL)
    activation.enqueue(conn, [change(1), change(1, entered=False)], NOW)
    (enter,) = claim(conn, NOW)
    settle(conn, enter, "failed", NOW)
    activation.retry(conn, ADMIN, enter.id, NOW)  # the exit has not been tried: still in order
    (enter,) = claim(conn, NOW)
    settle(conn, enter, "failed", NOW)
    (leave,) = claim(conn, NOW)
    with pytest.raises(errors.Conflict):
        activation.retry(conn, ADMIN, enter.id, NOW)
    settle(conn, leave, "sent", NOW)
    with pytest.raises(errors.Conflict):
        activation.retry(conn, ADMIN, enter.id, NOW)
