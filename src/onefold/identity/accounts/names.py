"""Company names in a normal form, whatever the script, legal form and spelling."""

from functools import lru_cache

from onefold.kernel import limits


@lru_cache(maxsize=20_000)
def normal(text: str) -> tuple[str, str] | None:
    """(words that name the company, its legal form); None when the text names none.

    `Müller & Söhne GmbH` → (`mueller soehne`, `gmbh`). Uses what `onefold match` compares by.
    """
    from onefold.identity.match import organisations  # loads numpy: only when a name is met

    shown = text.strip()[: limits.name_chars_max]
    core = organisations.core(shown)
    if core is None or core.isdecimal() or len(core) < 2:
        return None
    return core, organisations.legal_form(shown) or ""
