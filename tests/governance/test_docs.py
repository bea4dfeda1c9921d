"""The reference names every step, field and function; its examples are read as they stand."""

import re
from pathlib import Path

from onefold.governance import expressions, plans, transforms

DOCS = Path(__file__).parents[2] / "docs" / "reference"
STEPS = (DOCS / "transformations.md").read_text(encoding="utf-8")
PLANS = (DOCS / "tracking-plans.md").read_text(encoding="utf-8")
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_examples_are_read() -> None:
    (steps,) = _YAML.findall(STEPS)
    assert {s.do for s in transforms.parse(steps).steps} == set(transforms.DOES)
    (plan,) = _YAML.findall(PLANS)
    assert len(plans.parse(plan).rules) == 4


def test_functions_are_documented_by_examples_that_are_read() -> None:
    for function in expressions.FUNCTIONS.values():
        assert f"| `{function.example}` |" in STEPS
        expressions.parse(function.example)


def test_choices_are_documented() -> None:
    for word in (*plans.UNPLANNED, *plans.VIOLATIONS, *plans.TYPES[1:], *plans.exchange.FORMS[1:]):
        assert f"`{word}`" in PLANS or word in PLANS.split("## From and to")[1]
    for word in transforms.DOES:
        assert f"| `{word}` |" in STEPS
