"""The rules of identity, as data.

A namespace is of a kind:

    person   names a human; its links decide who is who
    device   a browser or phone, perhaps of several people: divided into chapters
    account  a company; never joins people

`priority`: lower is stronger. `limit`: how many values of it one person can have.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from onefold.kernel import limits
from onefold.kernel.identifiers import FORMER

Kind = Literal["person", "device", "account"]


class Namespace(msgspec.Struct, frozen=True):
    """What values of a namespace can say."""

    kind: Kind
    priority: int
    limit: int | None = None


class Rules(msgspec.Struct, frozen=True):
    """All that f goes by, besides links and decisions."""

    namespaces: Mapping[str, Namespace]
    other: Namespace
    neighbours_max: int
    component_max: int

    def of(self, namespace: str) -> Namespace:
        """The rule of a namespace; an unknown one is weaker than every known person-kind one."""
        return self.namespaces.get(namespace, self.other)


RULES = Rules(
    namespaces=MappingProxyType(
        {
            "user_id": Namespace("person", 1, limit=1),
            "contact": Namespace("person", 2, limit=5),
            "email": Namespace("person", 3, limit=5),
            FORMER: Namespace("person", 8),
            "anonymous_id": Namespace("device", 9),
            "account_id": Namespace("account", 10),
        }
    ),
    other=Namespace("person", 8, limit=5),
    neighbours_max=limits.neighbours_max,
    component_max=limits.component_identifiers_max,
)

# Reasons in `link.suppressed` that no order of links can change; all others depend on it.
GENERIC = "generic"  # an end is seen with too many others, or is a kiosk
SHARED_DEVICE = "shared_device"  # between devices of which one has several chapters
STATIC = (GENERIC, SHARED_DEVICE)

SIZE = "size"  # the component is beyond `component_max`
