"""docs/reference/api.md names every route with its role, shows an example of each, and they run."""

import re
import shlex
from pathlib import Path

from onefold import api
from tests.api.conftest import Door

TEXT = (Path(__file__).parents[2] / "docs/reference/api.md").read_text(encoding="utf-8")
ROUTES = [r for r in api.routes() if r[2] is not None]
_LINE = re.compile(r"^\| `([A-Z]+) (/api/\S+)` \| (\w+) \|", re.MULTILINE)
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str, bytes, dict[str, str]]]:
    """(method, path, body, headers) of each `curl` against `$BASE`, in order."""
    out = []
    for block in _BLOCK.findall(TEXT):
        lines = re.split(r"\n(?=curl )", block)
        for line in lines:
            words = shlex.split(line)
            url = next((w for w in words if w.startswith("$BASE")), None)
            if url is None:
                continue
            method = words[words.index("-X") + 1] if "-X" in words else "GET"
            flag = next((f for f in ("-d", "--data-binary") if f in words), None)
            body = words[words.index(flag) + 1] if flag else ""
            sent = [words[i + 1] for i, w in enumerate(words) if w == "-H" and ":" in words[i + 1]]
            headers = dict(h.split(": ", 1) for h in sent)
            out.append((method, url.removeprefix("$BASE"), body.encode(), headers))
    return out


def test_every_route_is_in_the_reference_with_its_role() -> None:
    assert sorted((m, p, r) for m, p, r in _LINE.findall(TEXT)) == sorted(ROUTES)


def test_every_route_has_an_example() -> None:
    shown = {(method, path.partition("?")[0]) for method, path, _, _ in examples()}
    for method, path, _ in ROUTES:
        pattern = re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))
        assert any(m == method and pattern.fullmatch(p) for m, p in shown), (method, path)


def test_the_examples_are_understood(door: Door) -> None:
    """On an empty database some records are not there, but no example is refused as wrong."""
    for method, path, body, headers in examples():
        sent = body.replace("…".encode(), b"long enough")
        answer = door(method, path, content=sent, headers=headers)
        about = (method, path, answer.text)
        assert answer.status_code in (200, 201, 202, 204, 400, 404, 409), about
        if answer.status_code in (400, 404) and not body.startswith(b"@"):  # a file of the reader's
            assert "there is no " in answer.json()["error"]["message"].lower(), about
