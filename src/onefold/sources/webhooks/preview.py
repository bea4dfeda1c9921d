"""What a payload would become, without anything being kept: the same code that the door runs."""

from collections.abc import Mapping
from typing import Any

import msgspec

from onefold import governance
from onefold.kernel import clock, facts
from onefold.sources.model import Source
from onefold.sources.webhooks.model import Config, Delivery, Known
from onefold.sources.webhooks.read import make, read
from onefold.storage import Connection


class Outcome(msgspec.Struct, frozen=True):
    """One item of a delivery: a fact, or refused or filtered and why."""

    outcome: str
    name: str = ""
    kind: str = ""
    at: str = ""
    message_id: str = ""
    identifiers: list[str] = []
    account: str | None = None
    traits: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    field: str = ""
    problem: str = ""
    remedy: str = ""


def preview(
    conn: Connection,
    source: Source,
    config: Config,
    delivery: Delivery,
    known: Mapping[str, Known],
) -> list[Outcome]:
    """The outcome of each item under the source's rules of admission; none for a ping.

    The signature is not asked for.
    """
    reading = read(config, delivery)
    if reading.ping:
        return [Outcome("ping")]
    made = make(config, reading, known, delivery, keep_body=False)
    found = governance.foresee(
        conn, source.id, source.category, made.envelope, made.items, delivery.now_ms
    )
    return [_outcome(one) for one in found]


def _outcome(one: facts.Admitted) -> Outcome:
    if isinstance(one, facts.Refusal):
        return Outcome("refused", field=one.field, problem=one.problem, remedy=one.remedy)
    if isinstance(one, facts.Filtered):
        return Outcome("filtered", problem=one.rule)
    return Outcome(
        "fact", name=one.name, kind=one.kind, at=clock.iso(one.at_ms) or "",
        message_id=one.message_id, account=one.account, traits=one.traits,
        identifiers=[str(i) for i in (one.identifiers or (one.home,))], properties=one.properties,
    )  # fmt: skip
