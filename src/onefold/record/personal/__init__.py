"""What a browser may read of its own person: allow-lists, signed tokens, and the one read."""

from onefold.record.personal.reads import me, mint
from onefold.record.personal.settings import Settings, add_secret, change, drop_secret, settings

__all__ = ["Settings", "add_secret", "change", "drop_secret", "me", "mint", "settings"]
