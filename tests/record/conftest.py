"""A company's records, made by the real worker."""

import pytest

from onefold import storage
from tests.record.company import Company


@pytest.fixture
def company(conn: storage.Connection) -> Company:
    """A company with a product source and a worker that is up to date."""
    return Company(conn)
