"""Rules of precedence, and what they come to: a rank for each origin of a value. Pure.

An origin is who said a value: a source by its id, or one of ours: `hand` (somebody edited the trait
here), `crm` (a record was edited), `system`. Within one origin the later word counts. Between them
a rule decides:

    {"by": "rank", "order": [["hand"], ["crm"], ["product", "source:shop"], ["import"]]}
    {"by": "last"}

`order`: the first group's word counts before the next one's; an entry is an origin of ours, a
category of sources, or `source:` and a source's key, which comes before its category. What no group
names comes last. Within a group, and by `last`, the later word counts.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from onefold.kernel import facts

HAND, CRM, SYSTEM = -1, 0, -2
EDITED = "Traits Edited"  # the event of a trait that somebody edited here
_OURS = {HAND: "hand", CRM: "crm", SYSTEM: "system"}
TOOLS = ("product", "website", "billing", "support", "email")
ORDER = (("hand",), ("crm",), TOOLS, ("enrichment",), ("import",))

Kind = Literal["person", "account"]


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """How one trait, or all without a rule of their own, are decided."""

    by: Literal["rank", "last"] = "rank"
    order: tuple[tuple[str, ...], ...] = ORDER


class Rules(msgspec.Struct, frozen=True):
    """A version: the default, and rules of single traits as `person.plan`, `account.plan`."""

    default: Rule = Rule()
    traits: dict[str, Rule] = {}


def origin_of(fact: facts.Fact) -> int:
    """Who said what a fact says."""
    if fact.source_id:
        return fact.source_id
    if fact.category != "crm":
        return SYSTEM
    return HAND if fact.name == EDITED else CRM


class Ranks(dict[int, int]):
    """Origin → rank by one rule; an origin that is not known yet goes by its category."""

    def __init__(self, rule: Rule, sources: Mapping[int, tuple[str, str]]) -> None:
        super().__init__()
        last = len(rule.order)
        ranked = rule.by == "rank"
        self._of = {
            entry: last - i for i, group in enumerate(rule.order) for entry in group if ranked
        }
        self.update({origin: self._of.get(name, 0) for origin, name in _OURS.items()})
        for source_id, (key, category) in sources.items():
            self[source_id] = self._of.get(f"source:{key}", self._of.get(category, 0))

    def learn(self, origin: int, category: str) -> int:
        """The rank of a source that was made since."""
        return self.setdefault(origin, self._of.get(category, 0))


class Precedence:
    """A version, compiled. `version` 0 is what holds where nobody said anything."""

    def __init__(
        self,
        rules: Rules | None = None,
        version: int = 0,
        sources: Mapping[int, tuple[str, str]] | None = None,
    ) -> None:
        self.rules = rules or Rules()
        self.version = version
        self.sources = dict(sources or {})
        self.default = Ranks(self.rules.default, self.sources)
        self.own: dict[str, dict[str, Ranks]] = {"person": {}, "account": {}}
        for path, rule in self.rules.traits.items():
            of, _, name = path.partition(".")
            self.own[of][name] = Ranks(rule, self.sources)

    def ranks(self, of: Kind, name: str) -> Ranks:
        """The ranks that a trait goes by."""
        return self.own[of].get(name, self.default)

    def rule(self, of: Kind, name: str) -> Rule:
        """The rule that a trait goes by."""
        return self.rules.traits.get(f"{of}.{name}", self.rules.default)

    def named(self, origin: int) -> str:
        """An origin as people read it: `hand`, `crm`, or the source's key."""
        if origin in _OURS:
            return _OURS[origin]
        return self.sources.get(origin, (f"src_{origin}", ""))[0]


DEFAULT = Precedence()


def dump(rule: Rule) -> dict[str, Any]:
    """A rule as the API shows it."""
    if rule.by == "last":
        return {"by": "last"}
    return {"by": "rank", "order": [list(group) for group in rule.order]}
