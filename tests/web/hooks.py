"""A source whose webhook is set up, with a delivery, for the tests of its page."""

import json
from typing import Any

from onefold import log, sources, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM
from onefold.sources import webhooks

from .conftest import World

NOW = clock.now_ms()
SECRET = "a-secret-long-enough-to-be-one"
ORDER = {"kind": "order.paid", "buyer": {"mail": "ann@acme.test"}, "cents": 990, "id": "o-1"}


def source(world: World, name: str, tree: Any = None) -> sources.Source:
    """A source, with a mapped webhook and a delivery when `tree` is given."""
    with storage.connect(world.url) as conn:
        made = sources.create(conn, SYSTEM, name, "billing")
        if tree is None:
            return made
        config = webhooks.config_of("json", {}, {"event": "kind", "email": "buyer.mail"})
        webhooks.store.save(conn, SYSTEM, made.id, config, now_ms=NOW, secret=SECRET)
        delivery = webhooks.Delivery(
            "POST", (), {}, {"x-kind": "a"}, json.dumps(tree).encode(), NOW
        )
        one = webhooks.make(config, webhooks.read(config, delivery), {}, delivery)
        row = log.Row(made.id, made.category, NOW, one.items, log.pack(one.envelope))
        (seq,) = log.append(conn, [row])
        recent = ((seq, NOW, one.event, one.items, one.refused),)
        note = webhooks.store.Note(made.id, accepted=1, bad=1, recent=recent, last_ms=NOW,
                                   last_bad_ms=NOW, last_bad_why="`t`: is old.")  # fmt: skip
        webhooks.store.note(conn, [note])
    return made
