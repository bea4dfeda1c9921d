"""Which account a domain, a registry id or a name is: the claims on it, weighed. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from onefold.identity.accounts.model import Claim, Outcome

# A person's word, a field of the CRM that a person filled in, what tools said, what we made.
STRENGTH = {"hand": 4, "crm": 3, "facts": 2, "made": 1}
Key = tuple[str, str]  # kind, value


class Owner(NamedTuple):
    """The account a clue points to. `rivals`: others that claim it as strongly."""

    key: str
    rivals: tuple[str, ...]
    made: bool = False
    place: str = ""


class Directory:
    """Claims by (kind, value), verdicts of domains, and which accounts are others by now."""

    def __init__(
        self,
        claims: Mapping[Key, Iterable[Claim]],
        verdicts: Mapping[str, Outcome],
        aliases: Mapping[str, str],
    ) -> None:
        self._claims = claims
        self._verdicts = verdicts
        self._aliases = aliases

    def account(self, key: str) -> str:
        """The account that a key means: itself, or the one it turned out to be."""
        return self._aliases.get(key, key)

    def verdict(self, domain: str) -> Outcome | None:
        """Why a domain says nothing of a company, or None."""
        return self._verdicts.get(domain)

    def owner(self, kind: str, value: str) -> Owner | None:
        """Who owns it: the strongest claim; of equals one that no other is above, then by key."""
        found: dict[str, Claim] = {}
        for claim in self._claims.get((kind, value), ()):
            key = self.account(claim.key)
            if key not in found or claim.strength > found[key].strength:
                found[key] = claim._replace(key=key)
        if not found:
            return None
        best = max(claim.strength for claim in found.values())
        equals = [claim for claim in found.values() if claim.strength == best]
        tops = sorted(claim for claim in equals if claim.top) or sorted(equals)
        first = tops[0]
        rivals = tuple(claim.key for claim in tops[1:])
        return Owner(first.key, rivals, best == STRENGTH["made"], first.place)
