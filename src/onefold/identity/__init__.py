"""Who is who: identifiers, links, chapters of devices, people.

`Resolver.resolve` is the worker's door. `partition` is f, the pure function that decides; people
are what it answers, called by ids that `assign` keeps stable. Everything else here is reading.
"""

from onefold.identity import accounts, decisions, namespaces
from onefold.identity.model import (
    Decision,
    IdentifierRow,
    Link,
    LinkRow,
    Node,
    Partition,
    Resolved,
)
from onefold.identity.partition import partition
from onefold.identity.reads import (
    account_fragments_of,
    chapters_of,
    contacts_of,
    follow,
    fragments_of,
    identifiers_of,
    links_of,
    merged_ids,
    people_of,
    person_of,
    values_of,
    who_of,
)
from onefold.identity.resolver import Resolver
from onefold.identity.rules import RULES, Namespace, Rules

__all__ = [
    "RULES", "Decision", "IdentifierRow", "Link", "LinkRow", "Namespace", "Node", "Partition",
    "Resolved", "Resolver", "Rules", "account_fragments_of", "accounts", "chapters_of",
    "contacts_of", "decisions", "follow", "fragments_of", "identifiers_of", "links_of",
    "merged_ids", "namespaces", "partition", "people_of", "person_of", "values_of", "who_of",
]  # fmt: skip
