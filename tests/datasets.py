"""Data that others made: `../shared/data` beside the repository, or what ONEFOLD_DATASETS names."""

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("ONEFOLD_DATASETS") or Path(__file__).parents[2] / "shared" / "data")


def path(*parts: str) -> Path:
    """A file of the data sets. Where it is missing the test says so in one line."""
    found = ROOT.joinpath(*parts)
    if not found.exists():
        pytest.skip(f"no {'/'.join(parts)} in {ROOT}: set ONEFOLD_DATASETS")
    return found
