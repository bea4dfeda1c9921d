"""Contacts: people the company works with.

A contact has an identifier of its own, `contact:<id>`; its facts carry its e-mail, which is how it
and the person known from product or website become one.
"""

from collections.abc import Mapping
from typing import Any

from psycopg import errors as pg

from onefold.crm import fields, store
from onefold.crm.model import Contact, Item, Row
from onefold.crm.records import Change, Kind, Records, Work
from onefold.kernel import errors, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, fold_name

# Stages of knowing somebody; rules only ever move forward in it.
LIFECYCLE = (
    "", "subscriber", "lead", "marketing_qualified", "sales_qualified", "opportunity", "customer",
    "evangelist", "other",
)  # fmt: skip
KIND = Kind(
    noun="contact",
    prefix="con",
    fields=(
        fields.Field("email", "email", limits.email_chars_max),
        fields.Field("first_name"),
        fields.Field("last_name"),
        fields.Field("title"),
        fields.Field("phone"),
        fields.Field("lifecycle", "enum", options=LIFECYCLE),
        fields.Field("account_id", "ref", prefix="acc"),
        fields.Field("owner_id", "ref", prefix="usr"),
    ),
    filters=(),
    told=("email", "first_name", "last_name", "title", "lifecycle", "account_id", "owner_id"),
    sort="name",
    plural="contacts",
    unique=("email",),
    columns=("email", "title", "account_id", "lifecycle", "owner_id", "updated_at"),
    archives=True,
)
# What facts say of the person, under the names of the Segment spec.
TRAITS = {"email": "email", "first_name": "firstName", "last_name": "lastName", "title": "title",
          "phone": "phone"}  # fmt: skip


class Contacts(Records[Contact]):
    """Commands on contacts."""

    def by_email(
        self,
        conn: Connection,
        viewer: Viewer,
        email: str,
        now_ms: int,
        *,
        account_id: int | None = None,
        into: list[Item] | None = None,
    ) -> Contact:
        """The contact with this address; when there is none, a new one, in `account_id`."""
        viewer.must_write()
        address = fields.email("email", email)
        if not address:
            raise errors.Invalid(errors.Fault("email", "is missing.", "Give an address."))
        found = store.contact_by_email(conn, address)
        if found is None:
            try:
                values = {"email": address, "account_id": account_id}
                return self.create(conn, viewer, values, now_ms, into=into)
            except errors.Conflict:  # created by another transaction while this one looked
                found = store.contact_by_email(conn, address)
        if found is None:
            raise errors.Conflict(f"The contact `{address}` is changing just now. Try again.")
        return self._present(self._row(conn, found))

    def advance(self, work: Work, contact_id: int | None, to: str) -> None:
        """Move a contact forward to a lifecycle stage; one that is there or beyond it stays."""
        if contact_id is None or not store.lock(work.conn, "contact", contact_id):
            return
        row = self._row(work.conn, contact_id)
        beyond = LIFECYCLE.index(row["lifecycle"]) >= LIFECYCLE.index(to)
        if not beyond and row["archived_at"] is None:
            self._write(work.conn, work.viewer, row, {"lifecycle": to}, work.now_ms, work.items)

    def _rules(self, columns: Mapping[str, Any], faulty: set[str]) -> list[errors.Fault]:
        if columns.get("archived_at") is not None:
            return self._not_archived(columns)
        names = ("email", "first_name", "last_name")
        if faulty.isdisjoint(names) and not any(columns.get(n) for n in names):
            return [errors.Fault("email", "is missing.", "A contact needs an e-mail or a name.")]
        return []

    def _derived(self, change: Change) -> dict[str, Any]:
        return {"name_sort": fold_name(name_of(change.after))}

    def _save(self, conn: Connection, before: Row, columns: Mapping[str, Any]) -> None:
        try:
            with conn.transaction():
                super()._save(conn, before, columns)
        except pg.UniqueViolation:
            raise self._email_taken(conn, columns["email"]) from None

    def _taken(self, conn: Connection, columns: Mapping[str, Any]) -> errors.Conflict:
        return self._email_taken(conn, columns["email"])

    def _email_taken(self, conn: Connection, email: str) -> errors.Conflict:
        first = store.contact_by_email(conn, email)
        if first is None:
            return errors.Conflict(f"The contact `{email}` is changing just now. Try again.")
        row = self._row(conn, first)
        return errors.Conflict(
            f"`con_{first}` ({name_of(row)}) already has the e-mail `{email}`. "
            "Open that contact, or archive it first.",
            self._current(row),
        )

    def _shown(self, row: Row) -> dict[str, Any]:
        return {"name": name_of(row)}

    def _home(self, row: Row) -> tuple[int | None, str | None]:
        return row["id"], row["account_key"]

    def _traits(self, row: Row) -> dict[str, str]:
        if row["archived_at"] is not None:
            return {}
        traits = {trait: row[column] for column, trait in TRAITS.items() if row[column]}
        name = f"{row['first_name']} {row['last_name']}".strip()
        return {**traits, "name": name} if name else traits


def name_of(columns: Mapping[str, Any]) -> str:
    """First and last name, else the e-mail."""
    name = f"{columns.get('first_name', '')} {columns.get('last_name', '')}".strip()
    return name or str(columns.get("email", ""))


contacts = Contacts(KIND, Contact)
