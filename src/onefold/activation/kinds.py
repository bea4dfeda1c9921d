"""The kinds of destinations there are: one module each, found by its declaration."""

from collections.abc import Callable
from typing import Any

import msgspec

from onefold.activation import webhook
from onefold.activation.model import Capabilities, Job, Request


class Kind(msgspec.Struct, frozen=True):
    """A kind of destination: what it can do, its secret, and how it writes a request."""

    capabilities: Capabilities
    new_secret: Callable[[], str]
    request: Callable[[dict[str, Any], Job, int], Request]


KINDS = {
    module.CAPABILITIES.kind: Kind(module.CAPABILITIES, module.new_secret, module.request)
    for module in (webhook,)
}
