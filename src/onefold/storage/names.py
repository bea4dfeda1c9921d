"""Sort and search keys for names in any script.

The embedded PostgreSQL is built without ICU, so names are folded here: compatibility-decomposed,
accents dropped, case folded. `Ångström` sorts with `angstrom`; scripts without case stay as is.
"""

import unicodedata


def fold_name(name: str) -> str:
    """The sort and search key of a name."""
    decomposed = unicodedata.normalize("NFKD", name)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())
