"""Accounts: customer companies, read by id or key, edited by hand where facts fall short."""

from typing import Annotated

from litestar import Response, get, patch, post
from litestar.params import FromQuery, JSONBody, PathParameter

from onefold import crm, record
from onefold.api import door, etag, records
from onefold.api.call import Call, path_text
from onefold.api.people import Asked
from onefold.api.records import AnyRequest, Body, IdempotencyKey, IfMatch
from onefold.kernel import ids
from onefold.record import bulk, model
from onefold.record.profile import wanted as profile

Ref = Annotated[str, PathParameter(description="`acc_3`, or a percent-encoded `account_id:acme`.")]
_RECORDS = {"records": crm.accounts}


@get("/accounts", opt=door.READER, sync_to_thread=True)
def list_accounts(
    call: Call,
    q: FromQuery[str] = "",
    audience: FromQuery[str | None] = None,
    owner: FromQuery[str | None] = None,
    risk: FromQuery[str | None] = None,
    sort: FromQuery[str | None] = None,
    cursor: FromQuery[str | None] = None,
    limit: FromQuery[int | None] = None,
) -> model.AccountsPage:
    """List accounts."""
    with call.open() as conn:
        return record.list_accounts(
            conn,
            call.viewer,
            q=q,
            audience=audience,
            owner=owner,
            risk=risk,
            sort=sort,
            cursor=cursor,
            limit=limit,
        )


@post("/accounts", opt=door.MEMBER | _RECORDS, sync_to_thread=True)
def create_account(
    call: Call, data: JSONBody[Body], request: AnyRequest, repeat_key: IdempotencyKey = None
) -> crm.Account:
    """Create an account."""
    found: crm.Account = records.created(call, crm.accounts.create, data, request, repeat_key)
    return found


@get("/accounts/{ref:str}", opt=door.READER, sync_to_thread=True)
def get_account(
    call: Call,
    ref: Ref,
    fields: FromQuery[str | None] = None,
    include: FromQuery[str | None] = None,
    if_none_match: etag.IfNoneMatch = None,
) -> Response[model.Account]:
    """Get an account, whole or in part; 304 when `If-None-Match` names what would be answered."""
    wanted = profile.parse(profile.ACCOUNT, fields, include)
    with call.open() as conn:
        found = bulk.account(conn, call.viewer, path_text(ref), call.now_ms, wanted)
    answer: Response[model.Account] = etag.answer(found, if_none_match)
    return answer


@post("/accounts/batch", opt=door.READER, status_code=200, sync_to_thread=True)
def get_accounts(call: Call, data: JSONBody[Asked]) -> bulk.Batch:
    """Get up to 1,000 accounts, in the order asked; what is not there is named in its place."""
    include = data.include
    if data.fields is None and include is None:
        include = ["identifiers", "traits", "audiences", "events"]
    wanted = profile.parse(profile.ACCOUNT, data.fields, include, but=profile.SLOW)
    with call.open() as conn:
        return bulk.find_accounts(conn, call.viewer, data.ids, call.now_ms, wanted)


@patch("/accounts/{ref:str}", opt=door.MEMBER | _RECORDS, sync_to_thread=True)
def change_account(
    call: Call, ref: Ref, data: JSONBody[Body], if_match: IfMatch = None
) -> crm.Account:
    """Change fields of an account; what is set by hand wins over facts."""
    with call.open() as conn:
        record_id = record.resolve_account(conn, call.viewer, path_text(ref))
    found: crm.Account = records.changed(
        call, crm.accounts, ids.api_id("acc", record_id), data, if_match
    )
    return found


@get("/accounts/{ref:str}/timeline", opt=door.READER, sync_to_thread=True)
def get_account_timeline(
    call: Call, ref: Ref, before: FromQuery[str | None] = None, limit: FromQuery[int | None] = None
) -> model.Timeline:
    """What happened to an account and its people, newest first."""
    with call.open() as conn:
        return record.account_timeline(conn, call.viewer, path_text(ref), before, limit)


HANDLERS = [
    list_accounts,
    create_account,
    get_account,
    get_accounts,
    change_account,
    get_account_timeline,
]
