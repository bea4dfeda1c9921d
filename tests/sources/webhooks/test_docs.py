"""docs/reference/webhooks.md says what is there."""

from pathlib import Path

import msgspec
import pytest

from onefold.kernel import limits
from onefold.sources import webhooks
from onefold.sources.webhooks import names, stripe

TEXT = (Path(__file__).parents[3] / "docs/reference/webhooks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", webhooks.KINDS.values(), ids=lambda k: k.name)
def test_every_kind_and_option_is_documented(kind: webhooks.Kind) -> None:
    assert f"| `{kind.name}` |" in TEXT
    for option in kind.options:
        assert f"`{option.name}`" in TEXT
        assert all(f"`{choice}`" in TEXT for choice in option.choices)


def test_every_preset_is_documented_with_its_kind() -> None:
    for preset in webhooks.PRESETS.values():
        assert f"| `{preset.name}` | `{preset.kind}` |" in TEXT


def test_every_standard_name_is_documented() -> None:
    for group, every in names.STANDARD.items():
        assert f"| {group} | {', '.join(every)} |" in TEXT


def test_every_event_of_stripe_is_documented() -> None:
    for kind, name in stripe.NAMES.items():
        assert f"| `{kind}` | {name} |" in TEXT


def test_every_field_of_a_mapping_is_documented() -> None:
    for field in msgspec.structs.fields(webhooks.Mapping):
        assert f"`{field.name}`" in TEXT, field.name


@pytest.mark.parametrize(
    "name", [n for n in vars(limits) if n.startswith("webhook_") and f"`{n}`" in TEXT]
)
def test_the_limits_in_the_docs_are_those_in_the_code(name: str) -> None:
    assert f"| `{name}` | {getattr(limits, name):,} |" in TEXT
