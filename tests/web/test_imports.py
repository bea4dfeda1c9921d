"""The pages of imports: upload, mapping, preview, start."""

from tests.web.conftest import NASTY, Pages

FILE = f"user id,email,plan\nu1,ann@acme.co,{NASTY}\n,,x\n".encode()


def _upload(pages: Pages, content: bytes, name: str = "people.csv") -> str:
    """The page that an upload leads to."""
    answer = pages.ask(
        "POST", "/imports", data={"_csrf": pages.csrf, "target": ""},
        files={"file": (name, content, "text/csv")},
    )  # fmt: skip
    if answer.status_code == 303:
        return str(answer.headers["Location"])
    return str(answer.text)


def test_a_file_is_uploaded_looked_at_and_started(pages: Pages) -> None:
    path = _upload(pages, FILE)
    text = pages.get(path)
    assert NASTY not in text
    assert 'value="user_id"' in text
    assert "1 new, 0 known, 1 refused" in text
    pages.send(path, act="start")
    text = pages.get(path)
    assert "Waiting" in text
    assert 'hx-trigger="every 1s"' in text
    pages.send(path, act="cancel")
    assert "Revert import" in pages.get(path)
    assert path in pages.get("/imports")


def test_a_broken_file_and_a_wrong_mapping_are_told_on_the_page(pages: Pages) -> None:
    assert "is empty" in _upload(pages, b"")
    path = _upload(pages, FILE)
    fields = {"to.0": "", "to.1": "", "to.2": "traits.plan"}
    answer = pages.send(path, act="save", target="people", **fields)
    assert answer.status_code == 400
    assert "No column goes to" in answer.text


def test_a_reader_may_look_and_not_import(reader: Pages) -> None:
    assert "Import a file" not in reader.get("/imports")
