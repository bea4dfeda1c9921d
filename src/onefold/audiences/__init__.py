"""Audiences: who belongs to them, defined once as data and executed twice.

`parse` makes a frozen tree of a definition; `compile_live` answers for one subject from folded
state, `compile_sql` for everyone from history. `store` keeps definitions, leaves and memberships.
"""

# isort: off
from onefold.audiences.dump import dump
from onefold.audiences.evaluate import compile_live, compile_node
from onefold.audiences.explain import answer as evaluate
from onefold.audiences.explain import explain
from onefold.audiences.folding import Folding
from onefold.audiences.index import Index
from onefold.audiences.kept import Audience, Catalog, Change, Entry
from onefold.audiences.model import Answer, Definition, Leaf
from onefold.audiences.kept import LeafRow, Membership
from onefold.audiences.model import Reason, Subject, TicketState, leaves
from onefold.audiences.model import Kind, Rows, related, rows_of
from onefold.audiences.parse import parse
from onefold.audiences.sql import compile_sql
from onefold.audiences.members_store import apply, clear, current, history, leave_all, members
from onefold.audiences.members_store import memberships_of, overlap, sizes
from onefold.audiences.rows_store import concerned, listed
from onefold.audiences.store import create, delete, draft, get, leaves_filled, leaves_live
from onefold.audiences.store import list_all, load, revision, set_live, update
from onefold.audiences.words import describe

__all__ = [
    "Answer", "Audience", "Catalog", "Change", "Definition", "Entry", "Folding", "Index", "Kind",
    "Leaf", "LeafRow", "Membership", "Reason", "Rows", "Subject", "TicketState", "apply", "clear",
    "compile_live", "compile_node", "compile_sql", "concerned", "create", "current", "delete",
    "describe", "draft", "dump", "evaluate", "explain", "get", "history", "leave_all", "leaves",
    "leaves_filled", "leaves_live", "list_all", "listed", "load", "members", "memberships_of",
    "overlap", "parse", "related", "revision", "rows_of", "set_live", "sizes", "update",
]  # fmt: skip
