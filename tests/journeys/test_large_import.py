"""An import of a million rows on a whole server: it ends in bounded memory, and can be reverted."""

import pytest

from bench import imports
from bench.server import serving

ROWS = 1_000_000
MEMORY_MB_MAX = 500


@pytest.mark.slow
@pytest.mark.timeout(5_400)
def test_a_million_rows_come_and_go_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONEFOLD_DATABASE_URL", raising=False)
    with serving() as server:
        found = imports.measure(server, ROWS, ROWS // 10)
    assert (found["status"], found["created"] + found["matched"]) == ("done", ROWS)
    assert found["peak_mb"]["jobs"] < MEMORY_MB_MAX
    assert found["report"] == [f"{ROWS:,} facts taken back"]
    assert found["people_left"] == 0
