"""Definitions that are being written: their size, a sample and what they share with others."""

from typing import Any

import msgspec
from litestar import post
from litestar.params import JSONBody

from onefold.api import door
from onefold.api.call import Call
from onefold.record.drafts import Preview


class Draft(msgspec.Struct, forbid_unknown_fields=True):
    """A definition that is not kept: an object, or the same as YAML text."""

    definition: str | dict[str, Any]
    feature: str = ""


@post("/audiences/preview", opt=door.ADMIN, status_code=200, sync_to_thread=True)
def preview_audience(call: Call, data: JSONBody[Draft]) -> Preview:
    """Say whom a definition would have now: how many, some of them, and what others share."""
    return call.drafts.preview(call.viewer, data.definition, call.now_ms, data.feature)


HANDLERS = [preview_audience]
