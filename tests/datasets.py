"""Data that others made: `../shared/data` beside the repository, or what ONEFOLD_DATASETS names."""

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("ONEFOLD_DATASETS") or Path(__file__).parents[2] / "shared" / "data")


def path(*parts: str) -> Path:
    """A file of the data sets, for tests marked `slow`.

    Where it is missing the test says so in one line: it is left out, but in CI it fails.
    """
    found = ROOT.joinpath(*parts)
    if not found.exists():
        word = f"no {'/'.join(parts)} in {ROOT}: set ONEFOLD_DATASETS"
        if os.environ.get("CI"):
            pytest.fail(word)
        pytest.skip(word)
    return found
