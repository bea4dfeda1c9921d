import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onefold.kernel import errors
from onefold.web import edits


class Row(msgspec.Struct, frozen=True):
    status: str = "open"
    owner_id: str | None = None
    tags: list[str] = []


tag = st.text(st.characters(exclude_characters=",", exclude_categories=["Z", "C"]), min_size=1)


@given(st.lists(tag))
def test_tags_read_back_what_was_written(found: list[str]) -> None:
    unique = list(dict.fromkeys(found))
    assert edits.tags(", ".join(found)) == unique


def test_only_what_differs_is_written() -> None:
    changed, before = edits.differing(Row(), {"status": "resolved", "owner_id": None, "tags": []})
    assert changed == {"status": "resolved"}
    assert before == {"status": "open"}


def test_an_undo_carries_the_old_values_as_a_form_would() -> None:
    assert edits.form_values({"tags": ["a", "b"], "owner_id": None}) == {
        "tags": "a, b",
        "owner_id": "",
    }


def test_words_are_short() -> None:
    assert edits.word("ticket", {"status": "resolved"}) == "Ticket solved"
    assert edits.word("task", {"status": "done"}) == "Task done"
    assert len(edits.word("task", {"owner_id": "usr_1"}, "A very long name of a person")) < 30
    assert edits.word("task", {}) == "Nothing changed"


def test_a_version_that_is_no_number_is_refused() -> None:
    assert edits.version({}) is None
    assert edits.version({"version": "3"}) == 3
    with pytest.raises(errors.Invalid):
        edits.version({"version": "٣"})
