"""Which identifiers an item carries: the part of the identifier rules that decides what a fact is.

Like the rules of sources it holds from a log row on (`Rules.intake`), so that a row of old is read
as it first was. Rows from before there were such rules go by `LEGACY`. Kinds never change, and of
what may change (normal forms, further types, traits that carry a namespace) old facts keep what
they had: new values are read the new way from the next row on.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from onefold.governance import external
from onefold.kernel import forms, identifiers, limits
from onefold.kernel.facts import Identifier
from onefold.kernel.identifiers import FORMER

_ORDER = {"user_id": 0, "contact": 1, "email": 2, "anonymous_id": 4}
_PERSON, _DEVICE = 3, 5
_ELSEWHERE = frozenset(("contact", FORMER))  # never believed from `context.externalIds`


class Space(NamedTuple):
    """A namespace as admission reads it (identity/namespaces/model.py)."""

    name: str
    kind: str
    form: str
    region: str
    types: Sequence[str]
    traits: Sequence[str]


class Intake:
    """One version, compiled. Pure, and shared by threads."""

    def __init__(self, spaces: Iterable[Space] = ()) -> None:
        spaces = list(spaces)
        self.spaces = tuple(spaces)
        self._types = {t: s for s in spaces for t in s.types} | {s.name: s for s in spaces}
        self._forms = {s.name: (forms.FORMS[s.form], s.region) for s in spaces if s.form != "text"}
        if "user_id" in self._forms:
            self._forms[FORMER] = self._forms["user_id"]
        self._devices = frozenset(s.name for s in spaces if s.kind == "device")
        carried = [(t, s.name) for s in spaces for t in s.traits]
        self.traits = tuple(sorted(carried, key=lambda t: self.strength(Identifier(t[1], ""))))
        self.mixed = bool({n for _, n in carried} & (self._devices | {"user_id", "contact"}))
        self.identifier = lru_cache(maxsize=limits.identifiers_read_max)(self._identifier)

    def _identifier(self, namespace: str, value: str) -> Identifier | None:
        """The identifier in its normal form, or None when the value identifies nobody."""
        clean = identifiers.normalise(namespace, value)
        if clean is None:
            return None
        form = self._forms.get(namespace)
        if form is not None:
            clean = form[0](clean, form[1])
        return None if clean is None else Identifier(namespace, clean)

    def strength(self, identifier: Identifier) -> int:
        """The order of the home rule."""
        namespace = identifier.namespace
        found = _ORDER.get(namespace)
        if found is not None:
            return found
        return _DEVICE if namespace in self._devices else _PERSON

    def namespace(self, kind: Any) -> str | None:
        """The namespace of an external id's type; None for one that names no person or device."""
        if not self.spaces:
            return external.namespace(kind)
        if not isinstance(kind, str):
            return None
        name = external.plain(kind)
        space = self._types.get(name)
        if space is None:
            return external.namespace(kind)
        return None if space.kind == "account" or space.name in _ELSEWHERE else space.name

    def external(self, found: Iterable[Any], value_key: str) -> Iterator[tuple[str, str]]:
        """(namespace, value) of each external id that counts, at most `external_ids_max`."""
        n = 0
        for one in found:
            if not external.of_users(one):
                continue
            name, value = self.namespace(one.get("type")), one.get(value_key)
            if isinstance(value, int) and not isinstance(value, bool):
                value = str(value)
            if name is not None and isinstance(value, str):
                yield name, value
                n += 1
                if n == limits.external_ids_max:
                    return


LEGACY = Intake()
LEGACY.traits = (("email", "email"),)
