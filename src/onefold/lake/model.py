"""The lake's tables, as Iceberg schemas.

Columns are only ever added, with a new field id at the end: `store.Lake` brings a table that lacks
some up to here, and rows of before read as null.
"""

import msgspec
from pyiceberg import types
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform

NAMESPACE = "onefold"
SEQ = "onefold.seq"  # table property: the last log row that the table holds
AS_OF = "onefold.as-of-ms"  # table property of an extract: when it was made

_LONG, _TEXT, _TIME = types.LongType(), types.StringType(), types.TimestamptzType()
_INT, _BOOL = types.IntegerType(), types.BooleanType()


class Table(msgspec.Struct, frozen=True):
    """One table: its schema, how it is laid out, what its rows are sorted by within a file."""

    name: str
    doc: str
    schema: Schema
    order: tuple[str, ...]
    spec: PartitionSpec = UNPARTITIONED_PARTITION_SPEC


def _schema(*columns: tuple[str, types.IcebergType, str]) -> Schema:
    fields = (
        types.NestedField(field_id=i, name=name, field_type=kind, required=False, doc=doc)
        for i, (name, kind, doc) in enumerate(columns, 1)
    )
    return Schema(*fields)


FACTS = Table(
    name="facts",
    doc="Everything that happened, one row a fact; never changed, only taken back or erased.",
    schema=_schema(
        ("pos", _LONG, "unique, in the order of acceptance: log row << 16 | index in it"),
        ("happened_at", _TIME, "when it happened, corrected for the sender's clock"),
        ("received_at", _TIME, "when it was accepted"),
        ("source_id", _INT, "`source.id`; 0 for the CRM and Onefold itself"),
        ("category", _TEXT, "of its source: product, website, billing, support, email, crm, …"),
        ("kind", _TEXT, "track, identify, page, screen, group or alias"),
        ("name", _TEXT, "a track call's event; else Page Viewed, Identify, …"),
        ("message_id", _TEXT, "the sender's"),
        ("home_namespace", _TEXT, "of the identifier whose fragment keeps the fact"),
        ("home_value", _TEXT, "of that identifier"),
        ("home_id", _LONG, "that identifier's `identifier_id`; null when it is gone"),
        ("identifiers", _TEXT, "every identifier on it, as a JSON array of `namespace:value`"),
        ("account", _TEXT, "the account key that the event itself names"),
        ("traits", _TEXT, "JSON"),
        ("properties", _TEXT, "JSON, as sent"),
        ("campaign", _TEXT, "JSON: what brought the person here"),
    ),
    order=("home_id", "happened_at", "pos"),
    spec=PartitionSpec(
        PartitionField(source_id=2, field_id=1000, transform=DayTransform(), name="day")
    ),
)
IDENTIFIERS = Table(
    name="identifiers",
    doc="Who is who: one row an identifier, and for a shared device one for each chapter of it.",
    schema=_schema(
        ("identifier_id", _LONG, "what `facts.home_id` refers to"),
        ("namespace", _TEXT, "user_id, email, anonymous_id, …"),
        ("value", _TEXT, "normalised"),
        ("fragment_id", _LONG, "the unit of state: this identifier, or this chapter of it"),
        ("from_ms", _LONG, "facts from this time on (ms since 1970), until the next row's"),
        ("person_id", _LONG, "whose it is; null for an account's own identifier"),
    ),
    order=("identifier_id", "from_ms"),
)
PEOPLE = Table(
    name="people",
    doc="People as they are known now.",
    schema=_schema(
        ("person_id", _LONG, ""),
        ("known", _BOOL, "somebody has told who this is"),
        ("name", _TEXT, ""),
        ("email", _TEXT, ""),
        ("title", _TEXT, ""),
        ("account_id", _LONG, "the primary account"),
        ("first_seen", _TIME, ""),
        ("last_seen", _TIME, ""),
    ),
    order=("person_id",),
)
ACCOUNTS = Table(
    name="accounts",
    doc="Accounts as they are known now.",
    schema=_schema(
        ("account_id", _LONG, ""),
        ("key", _TEXT, "the id that tools send"),
        ("name", _TEXT, ""),
        ("domain", _TEXT, ""),
        ("industry", _TEXT, ""),
        ("plan", _TEXT, ""),
        ("risk", _TEXT, "empty, warning or critical"),
        ("last_seen", _TIME, ""),
    ),
    order=("account_id",),
)
PERSON_ACCOUNTS = Table(
    name="person_accounts",
    doc="Which people belong to which accounts.",
    schema=_schema(
        ("person_id", _LONG, ""),
        ("account_id", _LONG, ""),
        ("since", _TIME, "the first fact that says so"),
        ("is_primary", _BOOL, ""),
    ),
    order=("person_id", "account_id"),
)
MEMBERSHIPS = Table(
    name="memberships",
    doc="Who is in which audience.",
    schema=_schema(
        ("audience", _TEXT, "its key"),
        ("kind", _TEXT, "person or account"),
        ("entity_id", _LONG, "`person_id` or `account_id`"),
        ("since", _TIME, "when it was entered"),
    ),
    order=("audience", "entity_id"),
)
EXTRACTS = (IDENTIFIERS, PEOPLE, ACCOUNTS, PERSON_ACCOUNTS, MEMBERSHIPS)
TABLES = {t.name: t for t in (FACTS, *EXTRACTS)}
