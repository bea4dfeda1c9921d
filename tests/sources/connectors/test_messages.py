"""Lines of both protocols as messages, and states put together."""

from typing import Any

import msgspec

from onefold.sources.connectors import messages


def _state(value: dict[str, Any]) -> messages.Message | None:
    line = msgspec.json.encode({"type": "STATE", "state": value})
    return messages.parse("airbyte", line)


def _part(name: str, n: int, namespace: str | None = None) -> dict[str, Any]:
    of = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"stream_descriptor": of, "stream_state": {"n": n}}


def _merged(*values: dict[str, Any]) -> Any:
    state: Any = None
    for value in values:
        message = _state(value)
        if isinstance(message, messages.State):
            state = messages.merge(state, message)
    return state


def test_a_streams_state_replaces_its_own_part_alone() -> None:
    one, two = _part("a", 1), _part("b", 2, "shop")
    newer = _part("a", 3)
    found = _merged(*({"type": "STREAM", "stream": p} for p in (one, two, newer)))
    assert [p["stream"] for p in found] == [two, newer]
    assert [p["stream"] for p in messages.without(found, "shop.b")] == [newer]


def test_a_global_state_is_all_of_it_in_the_form_that_connectors_read() -> None:
    whole = {"shared_state": {"lsn": 7}, "stream_states": [_part("a", 1)]}
    found = _merged(
        {"type": "STREAM", "stream": _part("a", 1)}, {"type": "GLOBAL", "global": whole}
    )
    assert found == [{"type": "GLOBAL", "global": whole}]
    assert _merged(
        {"type": "GLOBAL", "global": whole}, {"type": "STREAM", "stream": _part("a", 2)}
    ) == [{"type": "STREAM", "stream": _part("a", 2)}]  # the connector changed its way
    assert messages.without(found, "a") is None


def test_a_legacy_state_is_the_bare_value_also_without_a_type() -> None:
    assert _merged({"data": {"cursor": 5}}) == {"cursor": 5}
    assert _merged({"type": "LEGACY", "data": {"cursor": 6}}) == {"cursor": 6}
    both = {"type": "STREAM", "stream": _part("a", 1), "data": {"cursor": 1}}
    assert _merged(both) == [{"type": "STREAM", "stream": _part("a", 1)}]
    assert _merged({"stream": _part("a", 1)})[0]["type"] == "STREAM"


def test_a_state_that_says_nothing_is_a_word_and_resets_nothing() -> None:
    for value in ({}, {"type": "GLOBAL"}, {"type": "LEGACY"}, {"type": "OTHER", "x": 1}):
        assert isinstance(_state(value), messages.Word)
    assert messages.without({"bookmarks": {"a": 1, "b": 2}}, "a") == {"bookmarks": {"b": 2}}
