from collections import Counter

from onefold.demo.events import History
from onefold.demo.live import Stream
from onefold.kernel import clock

NOW = 1_795_000_000_000


def some(history: History, n: int, start_ms: int = NOW) -> list[dict]:
    stream = Stream(history, start_ms)
    out = []
    for step in range(n):
        out += [e.item for e in stream.next(start_ms + step * 400)]
    return out


def test_the_stream_goes_on_with_the_same_people_and_new_ids() -> None:
    history = History(7, 0.1, NOW)
    known = {p.user_id for p in history.company.people}
    items = some(history, 2_000)
    assert items == some(history, 2_000)
    assert {i["userId"] for i in items if "userId" in i} <= known
    assert len({i["messageId"] for i in items}) > 1_900
    past = {e.item["messageId"] for _, day in history.days() for e in day}
    assert not past & {i["messageId"] for i in items}


def test_a_second_start_has_ids_of_its_own() -> None:
    history = History(7, 0.05, NOW)
    first = {i["messageId"] for i in some(history, 300)}
    assert not first & {i["messageId"] for i in some(history, 300, NOW + 60_000)}


def test_mostly_the_website_and_never_an_account_that_falls_or_goes_cold() -> None:
    history = History(7, 0.1, NOW)
    items = some(history, 3_000)
    kinds = Counter(i["type"] for i in items)
    assert kinds["page"] > 0.6 * len(items)
    quiet = {f.account for f in history.stories.falling} | {history.stories.trial.account}
    assert not quiet & {i.get("context", {}).get("groupId") for i in items}


def test_exports_go_on_failing() -> None:
    history = History(7, 0.1, NOW)
    items = some(history, 20_000)
    failed = [i for i in items if i.get("event") == "Export Failed"]
    where = Counter(i["context"]["groupId"] for i in failed)
    assert sum(where[key] for key in history.stories.failure.accounts) > 0.7 * len(failed) > 0


def test_events_are_stamped_with_the_moment_they_happen() -> None:
    for emission in Stream(History(7, 0.05, NOW), NOW).next(NOW + 5):
        assert emission.item["timestamp"] == clock.iso(NOW + 5 + emission.skew_ms)
