"""The rules of identity as rows: read, changed by versions, tried out, replayed.

A door proposes a whole set of rows (`proposed`), a job says what it would do (`preview`), and
`apply` writes it as a version. The worker takes that up between two batches and replays it over the
links that are stored (`store.stretch`, `Resolver.replay`).
"""

from onefold.identity.namespaces.model import Preview, Row, Version
from onefold.identity.namespaces.parse import changes, compiled, proposed
from onefold.identity.namespaces.store import current, rows

__all__ = [
    "Preview", "Row", "Version", "changes", "compiled", "current", "proposed", "rows",
]  # fmt: skip
