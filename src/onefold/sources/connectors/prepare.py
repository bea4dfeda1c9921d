"""What readies a connector: installing its package, trying its config, first rows of streams; and
what is left of one that was deleted."""

from typing import Any

import msgspec

from onefold.kernel import clock, errors, limits
from onefold.kernel.viewer import SYSTEM
from onefold.sources.connectors import drive, install, model, store, suggest
from onefold.sources.connectors.run import Outcome, Work


def installing(work: Work) -> Outcome:
    """Its package into an environment of its own; then its spec, for the form of its config."""
    one = work.one
    if one.package:
        data = work.running.settings.data
        program = install.install(
            one.package, one.executable, one.python, data, work.words, work.begun
        )
        one = msgspec.structs.replace(one, program=program)
    work.words.add("Asking for its spec")
    spec = _with(work, one).driver.spec()
    store.change(work.conn, SYSTEM, one.id, program=one.program, spec=spec)
    work.conn.commit()
    work.words.add("Ready to be configured")
    return Outcome()


def checking(work: Work) -> Outcome:
    """The config that waits, else the one it has: tried by the connector; its streams found."""
    one = work.one
    if not one.argv:
        raise errors.Conflict(f"`{one.name}` is not installed yet.")
    tried = one.config if one.pending is None else one.pending
    spec = one.spec or _with(work, one).driver.spec()
    drive.check_config(spec, tried)
    one = msgspec.structs.replace(one, spec=spec, config=tried)
    driver = _with(work, one).driver
    work.words.add("Trying its config")
    driver.check()
    work.words.add("Asking for its streams")
    catalog = driver.discover()
    _keep(work, one, tried, catalog)
    work.words.add(f"It has {len(catalog):,} streams")
    return Outcome()


def _keep(
    work: Work, one: model.Connector, tried: dict[str, Any], catalog: list[model.Stream]
) -> None:
    """What was found; a choice of streams that are gone goes with them."""
    held = store.for_run(work.conn, one.id, hold=True)
    names = {s.name for s in catalog}
    streams = {name: plan for name, plan in held.streams.items() if name in names}
    for name in held.streams.keys() - names:
        work.words.add(f"The stream {name} is gone and is not read any more")
    # Somebody may have sent another config meanwhile: that one still waits.
    pending = None if held.pending == tried else held.pending
    store.change(
        work.conn, SYSTEM, one.id, spec=one.spec, config=tried, pending=pending, catalog=catalog,
        streams=streams,
    )  # fmt: skip
    work.conn.commit()


def sampling(work: Work) -> Outcome:
    """First rows of the streams that `args` names, each read by itself and from its beginning."""
    for name in work.held.args.get("streams", []):
        stream = work.one.stream(name)
        if stream is None:
            continue
        work.words.add(f"Reading first rows of {name}")
        plan = work.one.streams.get(name) or suggest.plan(stream)
        rows = work.driver.sample(name, plan)
        now = clock.to_datetime(clock.now_ms())
        store.sample(work.conn, work.one.id, name, rows, now)
        work.conn.commit()
        work.words.add(f"{len(rows)} rows of {name}")
        work.running.check()
    return Outcome()


def deleting(work: Work) -> Outcome:
    """What is remembered of its rows, in steps; then it, and its package. Its facts stay."""
    number = work.one.id
    if not store.is_gone(work.conn, number):
        return Outcome()
    while store.drop_some(work.conn, number, limits.connector_forget_rows):
        work.conn.commit()
        work.running.check()
    found = store.drop(work.conn, number)
    work.conn.commit()
    if found is not None:
        install.remove(*found, work.running.settings.data)
    return Outcome()


def _with(work: Work, one: model.Connector) -> Work:
    """The same work on a connector as it would be; its secrets are kept out of the words too."""
    return msgspec.structs.replace(work, one=one)
