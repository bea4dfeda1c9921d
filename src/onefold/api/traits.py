"""Traits: edits by hand, history, and the rules by which one of several values counts."""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, PathParameter
from msgspec import UNSET, UnsetType

from onefold.api import door
from onefold.api.call import Call, expected_version, path_text
from onefold.api.people import Ref
from onefold.api.records import IfMatch
from onefold.kernel import ids
from onefold.record import refs, timelines
from onefold.record.traits import catalog, editing, history, ruling

AccountRef = Annotated[
    str, PathParameter(description="`acc_3`, or a percent-encoded `account_id:acme`.")
]


class TraitEdit(msgspec.Struct, forbid_unknown_fields=True):
    """Values by name; a null takes an edit by hand back."""

    traits: dict[str, Any]
    reason: str = ""


class TraitUndo(msgspec.Struct, forbid_unknown_fields=True):
    """`edit`: the `id` of the edit to undo."""

    edit: str


class TraitRules(msgspec.Struct, forbid_unknown_fields=True):
    """Rules: `{"by": "last"}` or `{"by": "rank", "order": [["hand"], ["crm"], …]}`.

    `traits`: by `person.plan` or `account.plan`; null leaves one to the default.
    """

    default: dict[str, Any] | UnsetType = UNSET
    traits: dict[str, dict[str, Any] | None] | UnsetType = UNSET
    expected_version: int | UnsetType | None = UNSET


class TraitDescribed(msgspec.Struct, forbid_unknown_fields=True):
    """`type`: any, string, number, boolean, date, list, object."""

    type: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    expected_version: int | UnsetType | None = UNSET


def _edited(call: Call, ref: str, data: TraitEdit) -> editing.Edit:
    with call.open() as conn:
        made = editing.edit(conn, call.viewer, ref, data.traits, call.now_ms, data.reason)
    editing.settled(call.open, made)
    return made


def _undone(call: Call, ref: str, data: TraitUndo) -> editing.Edit:
    with call.open() as conn:
        made = editing.undo(conn, call.viewer, ref, data.edit, call.now_ms)
    editing.settled(call.open, made)
    return made


@patch("/people/{ref:str}/traits", opt=door.MEMBER, sync_to_thread=True)
def edit_person_traits(call: Call, ref: Ref, data: JSONBody[TraitEdit]) -> editing.Edit:
    """Set traits of a person by hand; a null takes an edit back."""
    return _edited(call, _of_person(ref), data)


@post("/people/{ref:str}/traits/undo", opt=door.MEMBER, sync_to_thread=True)
def undo_person_traits(call: Call, ref: Ref, data: JSONBody[TraitUndo]) -> editing.Edit:
    """Undo an edit by hand."""
    return _undone(call, _of_person(ref), data)


@get("/people/{ref:str}/traits/{name:str}/history", opt=door.READER, sync_to_thread=True)
def get_person_trait_history(
    call: Call, ref: Ref, name: FromPath[str], limit: FromQuery[int | None] = None
) -> history.History:
    """A person's trait: who said what and when, and why the value that counts does."""
    with call.open() as conn:
        return history.history(conn, call.viewer, _of_person(ref), path_text(name), limit)


@patch("/accounts/{ref:str}/traits", opt=door.MEMBER, sync_to_thread=True)
def edit_account_traits(call: Call, ref: AccountRef, data: JSONBody[TraitEdit]) -> editing.Edit:
    """Set traits of an account by hand; a null takes an edit back."""
    return _edited(call, _of_account(ref), data)


@post("/accounts/{ref:str}/traits/undo", opt=door.MEMBER, sync_to_thread=True)
def undo_account_traits(call: Call, ref: AccountRef, data: JSONBody[TraitUndo]) -> editing.Edit:
    """Undo an edit by hand."""
    return _undone(call, _of_account(ref), data)


@get("/accounts/{ref:str}/traits/{name:str}/history", opt=door.READER, sync_to_thread=True)
def get_account_trait_history(
    call: Call, ref: AccountRef, name: FromPath[str], limit: FromQuery[int | None] = None
) -> history.History:
    """An account's trait: who said what and when, and why the value that counts does."""
    with call.open() as conn:
        return history.history(conn, call.viewer, _of_account(ref), path_text(name), limit)


@get("/trait-rules", opt=door.READER, sync_to_thread=True)
def get_trait_rules(call: Call) -> ruling.Shown:
    """Whose word counts for traits, and how far stored ones are decided by it."""
    with call.open() as conn:
        return ruling.rules(conn, call.viewer)


@patch("/trait-rules", opt=door.ADMIN, sync_to_thread=True)
def change_trait_rules(
    call: Call, data: JSONBody[TraitRules], if_match: IfMatch = None
) -> ruling.Shown:
    """Change whose word counts; stored traits are decided again in the background."""
    values: dict[str, Any] = msgspec.to_builtins(data)
    version = expected_version(values, if_match)
    with call.open() as conn:
        return ruling.change(conn, call.viewer, values, call.now_ms, version)


@get("/traits", opt=door.READER, sync_to_thread=True)
def list_traits(call: Call, of: FromQuery[str | None] = None) -> catalog.Catalog:
    """The catalogue: every trait, what it should be, who has it, and what conflicts."""
    with call.open() as conn:
        return catalog.catalog(conn, call.viewer, of)


@get("/traits.csv", opt=door.READER, sync_to_thread=True)
def export_traits(call: Call, of: FromQuery[str | None] = None) -> Response[str]:
    """The catalogue as CSV."""
    with call.open() as conn:
        text = catalog.as_csv(catalog.catalog(conn, call.viewer, of))
    named = {"Content-Disposition": 'attachment; filename="traits.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=named)


@patch("/traits/{of:str}/{name:str}", opt=door.MEMBER, sync_to_thread=True)
def describe_trait(
    call: Call,
    of: FromPath[str],
    name: FromPath[str],
    data: JSONBody[TraitDescribed],
    if_match: IfMatch = None,
) -> catalog.Trait:
    """Say what a trait should be: its type, its description."""
    values: dict[str, Any] = msgspec.to_builtins(data)
    version = expected_version(values, if_match)
    with call.open() as conn:
        return catalog.describe(conn, call.viewer, of, path_text(name), values, version)


def _of_person(ref: str) -> str:
    """A person's reference. Raises `NotFound` for an account's."""
    text = path_text(ref)
    if timelines.is_account(text):
        refs.person(text)
    return text


def _of_account(ref: str) -> str:
    """An account's reference, told from a person's by its prefix. Raises `NotFound`."""
    text = path_text(ref)
    if timelines.is_account(text):
        return text
    return ids.api_id("acc", int(refs.account(text)))


HANDLERS = [
    edit_person_traits,
    undo_person_traits,
    get_person_trait_history,
    edit_account_traits,
    undo_account_traits,
    get_account_trait_history,
    get_trait_rules,
    change_trait_rules,
    list_traits,
    export_traits,
    describe_trait,
]
