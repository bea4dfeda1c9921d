"""The audit log: who let whom in, and who changed what somebody may do.

`note` adds a row in the transaction of the change itself, so that there is never one without the
other. The database refuses to change or delete rows.
"""

from onefold.governance.audit.model import ACTIONS, Change, Entry
from onefold.governance.audit.store import find, note

__all__ = ["ACTIONS", "Change", "Entry", "find", "note"]
