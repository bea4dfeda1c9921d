"""The decisions in force, by identifier: f is asked about people that one of them names."""

from collections.abc import Collection, Iterable

from onefold.identity.decisions.model import Said
from onefold.kernel.facts import Identifier


class Book:
    """Decisions in memory. `identifier in book`: somebody decided about it."""

    def __init__(self, found: Iterable[Said] = ()) -> None:
        self._by_identifier: dict[Identifier, dict[int, Said]] = {}
        for said in found:
            self.add(said)

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._by_identifier

    def __bool__(self) -> bool:
        return bool(self._by_identifier)

    def add(self, said: Said) -> None:
        """Take up a decision, or what has become of one."""
        for end in (said.a, said.b):
            self._by_identifier.setdefault(end.identifier, {})[said.id] = said

    def drop(self, said: Said) -> None:
        """A decision counts no more."""
        for end in (said.a, said.b):
            found = self._by_identifier.get(end.identifier, {})
            found.pop(said.id, None)
            if not found:
                self._by_identifier.pop(end.identifier, None)

    def of(self, identifier: Identifier) -> Collection[Said]:
        """The decisions that name an identifier."""
        return self._by_identifier.get(identifier, {}).values()

    def with_change(self, add: Iterable[Said] = (), drop: Iterable[Said] = ()) -> "Book":
        """Another book, with some more or fewer: for trying out."""
        found = {s.id: s for by_id in self._by_identifier.values() for s in by_id.values()}
        for said in drop:
            found.pop(said.id, None)
        found.update((said.id, said) for said in add)
        return Book(found.values())
