"""What belongs to an account besides itself: domains, accounts above, below and merged into it."""

from typing import TypedDict

from onefold.identity import accounts
from onefold.identity.accounts import reads
from onefold.kernel import ids
from onefold.kernel.viewer import Viewer
from onefold.record import model, store
from onefold.storage import Connection


class Family(TypedDict):
    """The parts of an account's record that are made here."""

    made: str
    domains: list[model.Domain]
    parents: list[model.AccountName]
    children: list[model.Child]
    roll_up: model.RollUp
    merged: list[model.AccountName]


def of(conn: Connection, viewer: Viewer, row: store.Row) -> Family:
    """Those parts of the record, by name."""
    account_id: int = row["id"]
    below = reads.descendants(conn, viewer, account_id)
    everyone = [account_id, *(r["id"] for r in below)]
    tickets = store.open_tickets(conn, everyone)
    return {
        "made": row["made"],
        "domains": domains(conn, viewer, account_id, row["key"]),
        "parents": [named(r) for r in reads.ancestors(conn, viewer, account_id)],
        "children": [_child(r) for r in below],
        "roll_up": {
            "accounts": len(everyone),
            "people": reads.people_together(conn, viewer, everyone),
            "open_tickets": tickets,
        },
        "merged": [named(r) for r in reads.merged(conn, viewer, account_id)],
    }


def domains(conn: Connection, viewer: Viewer, account_id: int, key: str) -> list[model.Domain]:
    """The domains that an account claims, each with its owner and who else claims it."""
    rows = reads.domains(conn, viewer, account_id)
    book = accounts.decisions.load(conn)
    by_hand = {d for d, said in book.of_domain.items()
               if any(s.kind == "domain" and s.account_key == key for s in said)}  # fmt: skip
    found = sorted({r["value"] for r in rows} | by_hand)
    directory = accounts.decisions.directory(conn, book, [("domain", d) for d in found])
    out: list[model.Domain] = []
    for domain in found:
        mine = [r for r in rows if r["value"] == domain]
        owner = directory.owner("domain", domain)
        out.append(
            {
                "domain": domain,
                "source": "hand" if domain in by_hand else mine[0]["source"],
                "owned": owner is not None and owner.key == key,
                "verdict": directory.verdict(domain) or "",
                "others": [named(r) for r in mine if r["id"] is not None],
            }
        )
    return out


def named(row: store.Row) -> model.AccountName:
    """An account as named elsewhere."""
    return {
        "id": ids.api_id("acc", row["id"]), "key": row["key"], "name": row["name"] or row["key"],
    }  # fmt: skip


def _child(row: store.Row) -> model.Child:
    return {
        **named(row),
        "parent_id": ids.api_id("acc", row["parent_id"]),
        "depth": row["depth"],
        "people": row["people"],
        "open_tickets": row["tickets"],
        "risk": row["risk"],
    }
