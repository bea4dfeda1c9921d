"""Facts as Arrow: what a stretch of the log looks like as rows of the table `facts`."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow

from onefold.kernel.facts import Fact, Identifier
from onefold.lake import model

SCHEMA: pa.Schema = schema_to_pyarrow(model.FACTS.schema)
_json = msgspec.json.Encoder()


def of_facts(found: Sequence[Fact], ids: Mapping[Identifier, int]) -> pa.Table:
    """The facts as rows, in the order of the table. `ids`: of home identifiers."""
    columns: dict[str, Any] = {
        "pos": [f.pos for f in found],
        "happened_at": _times([f.at_ms for f in found]),
        "received_at": _times([f.received_ms for f in found]),
        "source_id": [f.source_id for f in found],
        "category": [f.category for f in found],
        "kind": [f.kind for f in found],
        "name": [f.name for f in found],
        "message_id": [f.message_id for f in found],
        "home_namespace": [f.home.namespace for f in found],
        "home_value": [f.home.value for f in found],
        "home_id": [ids.get(f.home) for f in found],
        "identifiers": [_text([str(i) for i in f.identifiers]) for f in found],
        "account": [f.account for f in found],
        "traits": [_text(f.traits) if f.traits else None for f in found],
        "properties": [_text(f.properties) if f.properties else None for f in found],
        "campaign": [_text(f.campaign) if f.campaign else None for f in found],
    }
    arrays = [pa.array(columns[field.name], type=field.type) for field in SCHEMA]
    return pa.Table.from_arrays(arrays, schema=SCHEMA).sort_by(
        [(name, "ascending") for name in model.FACTS.order]
    )


def _times(times_ms: list[int]) -> Any:
    return np.array(times_ms, dtype=np.int64) * 1_000


def _text(value: Any) -> str:
    return _json.encode(value).decode()
