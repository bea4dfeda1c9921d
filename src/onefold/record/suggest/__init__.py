"""What can be meant while somebody writes a definition: names and values that are there.

Events by name, their properties and frequent values, traits and their values, tags, owners, other
audiences. Values come from a sample of the log and of the profiles (`sample`), so they are frequent
ones, not all.
"""

from onefold.record.suggest.suggest import FIELDS, Suggestion, suggest

__all__ = ["FIELDS", "Suggestion", "suggest"]
