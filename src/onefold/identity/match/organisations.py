"""Company names without what does not tell companies apart: legal forms, articles, spelling."""

import re
from functools import lru_cache

from cleanco.termdata import terms_by_country, terms_by_type

from onefold.identity.match import clean, words

TOKENS_MAX = 8
_AND = re.compile(r"\s*(?:&|\+)\s*")
_DOTTED = re.compile(r"\b((?:\w\.){2,})(?=\W|$)")


_IDEOGRAPHIC = re.compile(
    "株式会社|有限会社|合同会社|股份有限公司|有限责任公司|有限公司|주식회사|㈜"
)


def _known_forms() -> frozenset[tuple[str, ...]]:
    found: set[tuple[str, ...]] = {(form,) for form in words.LEGAL_FORMS}
    for terms in (*terms_by_type.values(), *terms_by_country.values()):
        for term in terms:
            form = tuple(_split(term))
            if 0 < len(form) <= 5:
                found.add(form)
    return frozenset(found)


def _split(text: str) -> list[str]:
    """Words with `&` as `and`, and dotted abbreviations (S.p.A.) as one word."""
    text = _DOTTED.sub(lambda found: found.group(1).replace(".", ""), text)
    return clean.tokens(_AND.sub(" and ", text))


_FORMS = _known_forms()


@lru_cache(maxsize=20_000)
def parts(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(words that name the company, its legal form)."""
    ideographs = _IDEOGRAPHIC.search(text)
    text = _IDEOGRAPHIC.sub(" ", text)
    found = _split(re.sub(r"\((?:\w|\s){1,20}\)\s*$", " ", text)) or _split(text)
    form: list[str] = [ideographs.group()] if ideographs else []
    changed = True
    while changed and len(found) > 1:
        changed = False
        for size in range(min(5, len(found) - 1), 0, -1):
            tail = tuple(found[-size:])
            if tail in _FORMS or (size > 1 and ("".join(tail),) in _FORMS):
                form = [*tail, *form]
                found = found[:-size]
                changed = True
                break
    while len(found) > 1 and found[-1] in {"and", "und", "et", "y", "e", "of"}:
        found = found[:-1]
    while len(found) > 1 and found[0] in words.FORMS_BEFORE:
        form.append(found[0])
        found = found[1:]
    return tuple(found), tuple(form)


def core(text: str | None) -> str | None:
    """The naming words in one spelling, in their order."""
    if text is None or clean.blank(text):
        return None
    found = [words.ABBREVIATIONS.get(word, word) for word in parts(text)[0]]
    kept = [word for word in found if word not in words.COMPANY_WORDS]
    return " ".join(kept or found) or None


def legal_form(text: str | None) -> str | None:
    """The legal form as written, without dots: `gmbh`, `co kg`."""
    if text is None or clean.blank(text):
        return None
    form = [words.FORM_SPELLINGS.get(word, word) for word in parts(text)[1] if word != "the"]
    return " ".join(form) or None
