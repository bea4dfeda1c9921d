"""Which facts of other systems are carried over to records of ours, and by what."""

from types import ModuleType

from onefold.record import billing, desk

# By the category of their source: `concerns` is asked of each fact, `carry` takes one up.
CARRIERS: dict[str, ModuleType] = {"support": desk, "billing": billing}
