"""docs/reference/crm.md names every field, choice, filter, order and fact that there is."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from onefold import crm
from onefold.crm import contact, deal, shapes, task, ticket
from onefold.crm.records import Records

DOC = (Path(__file__).parents[2] / "docs/reference/crm.md").read_text(encoding="utf-8")
OBJECTS = list(crm.objects.ALL.values())


@pytest.mark.parametrize("of", OBJECTS, ids=lambda r: r.kind.noun)
def test_fields_choices_filters_and_orders_are_named(of: Records[Any]) -> None:
    section = DOC.split(f"\n## {of.kind.noun.title()}\n")[1].split("\n## ")[0]
    section = section.replace("empty", "``")
    words = {f.name for f in of.kind.fields} | {f.name for f in of.kind.filters}
    words |= {o for f in of.kind.fields for o in f.options} | set(shapes.SHAPES[of.kind.noun].sorts)
    assert {w for w in words if f"`{w}`" not in section} == set()


def test_facts_are_named() -> None:
    source = "".join(inspect.getsource(m) for m in (contact, deal, ticket, task))
    named = set(re.findall(r'"((?:Contact|Deal|Ticket|Task) [A-Z][a-z]+)"', source))
    named |= {f"{n} {w}" for n in ("Account", "Contact") for w in ("Created", "Updated")}
    assert len(named) > 15
    assert {n for n in named if f"`{n}`" not in DOC} == set()
