"""Tasks: something to do, by a person or made by a signal."""

from litestar import get, patch, post
from litestar.params import FromPath, JSONBody

from onefold import crm
from onefold.api import door, records
from onefold.api.call import Call
from onefold.api.pages import Listed
from onefold.api.records import AnyRequest, Body, IfMatch

_RECORDS = {"records": crm.tasks}


@get("/tasks", opt=door.READER | _RECORDS, sync_to_thread=True)
def list_tasks(call: Call, request: AnyRequest) -> Listed[crm.Task]:
    """List tasks."""
    return records.listed(call, crm.tasks, request.query_params)


@post("/tasks", opt=door.MEMBER | _RECORDS, sync_to_thread=True)
def create_task(call: Call, data: JSONBody[Body]) -> crm.Task:
    """Create a task."""
    found: crm.Task = records.created(call, crm.tasks, data)
    return found


@get("/tasks/{record_id:str}", opt=door.READER, sync_to_thread=True)
def get_task(call: Call, record_id: FromPath[str]) -> crm.Task:
    """Get a task."""
    found: crm.Task = records.read(call, crm.tasks, record_id)
    return found


@patch("/tasks/{record_id:str}", opt=door.MEMBER | _RECORDS, sync_to_thread=True)
def change_task(
    call: Call, record_id: FromPath[str], data: JSONBody[Body], if_match: IfMatch = None
) -> crm.Task:
    """Change fields of a task."""
    found: crm.Task = records.changed(call, crm.tasks, record_id, data, if_match)
    return found


HANDLERS = [list_tasks, create_task, get_task, change_task]
