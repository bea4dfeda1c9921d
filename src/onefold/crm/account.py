"""Accounts: customer companies. `key` is the account id that tools send (`groupId`).

A field that a person set by hand is noted in `edited` and from then on wins over facts.
"""

from collections.abc import Mapping
from typing import Any

from onefold.crm import fields, lists, store
from onefold.crm.model import Account, Item, Row
from onefold.crm.records import Change, Kind, Records, Work
from onefold.kernel import clock, errors, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection, fold_name

BY_FACTS = ("name", "domain", "industry", "plan")  # columns that group traits fill
RISKS = ("", "warning", "critical")
KIND = Kind(
    noun="account",
    prefix="acc",
    fields=(
        fields.Field("key", chars_max=limits.string_identifier_chars_max, once=True),
        fields.Field("name"),
        fields.Field("domain", "domain"),
        fields.Field("industry"),
        fields.Field("plan"),
        fields.Field("next_step"),
        fields.Field("next_step_at", "date", label="Next step on"),
        fields.Field("owner_id", "ref", prefix="usr"),
        fields.Field("parent_id", "ref", prefix="acc"),
    ),
    filters=(lists.Filter("risk", "enum", options=RISKS),),
    told=("name", "domain", "industry", "plan", "risk", "owner_id", "parent_id"),
    sort="name",
    plural="accounts",
    unique=("key",),
    columns=("domain", "industry", "plan", "owner_id", "updated_at"),
)


class Accounts(Records[Account]):
    """Commands on accounts."""

    def set_risk(
        self,
        conn: Connection,
        viewer: Viewer,
        record_id: str | int,
        risk: str,
        reason: str,
        now_ms: int,
        *,
        into: list[Item] | None = None,
    ) -> Account:
        """Write what signals say of the account: risk `""`, `warning` or `critical`, and why.

        A reason that merely has newer numbers makes neither a version nor a fact.
        """
        viewer.must_write()
        fields.enum("risk", risk, RISKS)
        before = self._held(conn, record_id, None)
        shown = reason[: limits.record_subject_chars_max]
        if before["risk"] != risk:
            self._write_reason(conn, before, shown)
            return self._write(conn, viewer, before, {"risk": risk}, now_ms, into)
        if before["risk_reason"] != shown:
            self._write_reason(conn, before, shown)
        return self._present({**before, "risk_reason": shown})

    def _write_reason(self, conn: Connection, before: Row, reason: str) -> None:
        store.update(conn, "account", before["id"], {"risk_reason": reason}, step=0)

    def _rules(self, columns: Mapping[str, Any], faulty: set[str]) -> list[errors.Fault]:
        if not faulty & {"name", "key"} and not columns.get("name") and not columns.get("key"):
            return [errors.Fault("name", "is missing.", "An account needs a name or a key.")]
        return []

    def _complete(self, work: Work, columns: dict[str, Any]) -> None:
        if not columns.get("key"):
            columns["id"] = store.next_account_id(work.conn)
            columns["key"] = f"crm-{columns['id']}"

    def _save(self, conn: Connection, before: Row, columns: Mapping[str, Any]) -> None:
        parent = columns.get("parent_id")
        if parent is not None and store.is_below(conn, parent, before["id"]):
            raise errors.Invalid(
                errors.Fault("parent_id", "is this account, or below it: a circle.",
                             "Choose an account that is not below this one.")
            )  # fmt: skip
        super()._save(conn, before, columns)

    def _derived(self, change: Change) -> dict[str, Any]:
        before, after, changed = change.before, change.after, change.changed
        by = {"by": change.viewer.actor, "at": clock.iso(clock.from_datetime(change.now))}
        edited = dict(before["edited"]) if before else {}
        by_hand = [n for n in BY_FACTS if n in changed and (before is not None or changed[n])]
        edited |= dict.fromkeys(by_hand, by)
        return {"name_sort": fold_name(after.get("name") or after["key"]), "edited": edited}

    def _taken(self, conn: Connection, columns: Mapping[str, Any]) -> errors.Conflict:
        first = store.account_by_key(conn, columns["key"])
        if first is None:
            return errors.Conflict("The account is changing just now. Try again.")
        row = self._row(conn, first)
        return errors.Conflict(
            f"`acc_{first}` ({row['name'] or row['key']}) already has the key `{row['key']}`. "
            "Edit that account, or choose another key.",
            self._current(row),
        )

    def _shown(self, row: Row) -> dict[str, Any]:
        return {"name": row["name"] or row["key"], "last_seen": clock.iso(row["last_seen_ms"])}

    def _home(self, row: Row) -> tuple[int | None, str | None]:
        return None, row["key"]


accounts = Accounts(KIND, Account)
