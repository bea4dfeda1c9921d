"""What we conclude leaves here: the outbox, and the destinations that it is delivered to.

The worker calls `enqueue` in the transaction of a conclusion; `Deliverer` carries the rows out and
brings each outcome back as a fact. Admins make destinations and look at deliveries.
"""

from onefold.activation.deliver import Deliverer
from onefold.activation.kinds import KINDS
from onefold.activation.model import (
    AudienceChange,
    Capabilities,
    Deliveries,
    Delivery,
    Destination,
)
from onefold.activation.store import (
    create,
    deliveries,
    enqueue,
    get,
    list_all,
    retry,
    subscribed,
    update,
)

__all__ = [
    "KINDS", "AudienceChange", "Capabilities", "Deliverer", "Deliveries", "Delivery", "Destination",
    "create", "deliveries", "enqueue", "get", "list_all", "retry", "subscribed", "update",
]  # fmt: skip
