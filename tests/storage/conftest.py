"""A folder for clusters."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from onefold.storage import cluster_files


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that PostgreSQL's user may pass through, and a fallback place in it."""
    made = Path(tempfile.mkdtemp(prefix="onefold-cluster-"))
    made.chmod(0o711)
    monkeypatch.setattr(cluster_files, "FALLBACK", made / "fallback")
    yield made
    for process in psutil.process_iter():
        try:
            if f"{made}/" in " ".join(process.cmdline()):
                process.kill()
                process.wait(10)
        except psutil.NoSuchProcess:
            continue
    shutil.rmtree(made)
