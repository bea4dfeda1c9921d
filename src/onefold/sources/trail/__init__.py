"""What became of single items: the event debugger, and refused items fixed and replayed.

`search` walks the log backwards in bounded steps, `event` explains one item. `preview` tries
corrections on refused items, `replay` appends the corrected ones to the log as new items.
"""

from onefold.sources.trail.events import event, search
from onefold.sources.trail.model import (
    OUTCOMES,
    Action,
    Correction,
    Event,
    Found,
    Group,
    Preview,
    Replayed,
    Search,
    Selection,
    Settled,
)
from onefold.sources.trail.repair import Fix, check
from onefold.sources.trail.replay import preview, replay
from onefold.sources.trail.store import actions, drop, groups, note_positions, restore, settled

__all__ = [
    "OUTCOMES", "Action", "Correction", "Event", "Fix", "Found", "Group", "Preview", "Replayed",
    "Search", "Selection", "Settled", "actions", "check", "drop", "event", "groups",
    "note_positions", "preview", "replay", "restore", "search", "settled",
]  # fmt: skip
