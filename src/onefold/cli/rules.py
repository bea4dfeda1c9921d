"""Tracking plans and transformations from the command line: kept as files, tried, put in force."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import cyclopts

from onefold import sources
from onefold.cli import database
from onefold.governance import plan_store, plans, transform_store, transforms, trials
from onefold.kernel import definitions, errors
from onefold.kernel.viewer import SYSTEM
from onefold.storage import Connection

plans_app = cyclopts.App(name="plans", help="Tracking plans: what each call should look like.")
transformations_app = cyclopts.App(
    name="transformations", help="What is changed about a source's items."
)
Data = Annotated[Path | None, cyclopts.Parameter(help="Folder of the server's data.")]
Form = Literal["onefold", "segment", "segment_public", "rudderstack"]


@plans_app.command(name="list")
def plans_list(*, data: Data = None, database_url: str | None = None) -> None:
    """List plans: key, published version, sources."""
    with database.connected(data, database_url) as conn:
        keys = {s.id: s.key for s in sources.list_all(conn, SYSTEM)}
        for one in plan_store.list_all(conn, SYSTEM):
            on = ",".join(keys[i] for i in plan_store.connected(conn, SYSTEM, one.id))
            print(f"{one.key}\t{one.published}\t{on}")


@plans_app.command(name="export")
def plans_export(
    key: str, *, form: Form = "onefold", data: Data = None, database_url: str | None = None
) -> None:
    """Print a plan's draft as YAML, in our form or another tool's."""
    with database.connected(data, database_url) as conn:
        plan = plan_store.get(conn, SYSTEM, key).draft
    tree = plans.dump(plan) if form == "onefold" else plans.exchange.export(plan, form)
    print(definitions.write(tree), end="")


@plans_app.command(name="apply")
def plans_apply(
    file: Path,
    *,
    key: str | None = None,
    source: list[str] | None = None,
    draft: bool = False,
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Put a plan in force as its file has it. Its key is alone on the last line of stdout.

    Parameters
    ----------
    file: The plan as YAML or JSON, in our form, Segment's or RudderStack's.
    key: The plan to change; without it a new one is made.
    source: Key of a source to connect it to; may be repeated.
    draft: Save it without publishing.
    """
    text = _read(file)
    with database.connected(data, database_url) as conn:
        if key is None:
            key = plan_store.create(conn, SYSTEM, text).key
        else:
            plan_store.update(conn, SYSTEM, key, text)
        plan_store.connect(conn, SYSTEM, key, [_source(conn, s).id for s in source or ()])
        found = plan_store.get(conn, SYSTEM, key)
        if not draft:
            found = plan_store.publish(conn, SYSTEM, key)
        conn.commit()
    _say(f"`{found.name}`: " + ("draft saved" if draft else f"version {found.published} in force"))
    print(key)


@plans_app.command(name="preview")
def plans_preview(
    file: Path, source: str, *, data: Data = None, database_url: str | None = None
) -> None:
    """Say what a plan would do to the newest items of a source. Nothing is kept.

    Parameters
    ----------
    file: The plan as YAML or JSON.
    source: The source's key.
    """
    plan = plans.parse(_read(file))
    with database.connected(data, database_url) as conn:
        number = _source(conn, source).id
        newest = transform_store.newest(conn, SYSTEM, number)
        steps = newest.transformation if newest else transforms.Transformation()
        _tell(trials.preview(conn, SYSTEM, number, steps, plan=plan))


@transformations_app.command(name="list")
def transformations_list(*, data: Data = None, database_url: str | None = None) -> None:
    """List sources that have one: key, version, number of steps."""
    with database.connected(data, database_url) as conn:
        for one in sources.list_all(conn, SYSTEM):
            found = transform_store.newest(conn, SYSTEM, one.id)
            if found is not None:
                print(f"{one.key}\t{found.version}\t{len(found.transformation.steps)}")


@transformations_app.command(name="export")
def transformations_export(
    source: str,
    *,
    version: int | None = None,
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Print a source's transformation as YAML: the one in force, or a former version."""
    with database.connected(data, database_url) as conn:
        number = _source(conn, source).id
        if version is None:
            found = transform_store.newest(conn, SYSTEM, number)
        else:
            found = transform_store.get(conn, SYSTEM, number, version)
    steps = found.transformation if found else transforms.Transformation()
    print(definitions.write(transforms.dump(steps)), end="")


@transformations_app.command(name="apply")
def transformations_apply(
    source: str,
    file: Path,
    *,
    note: str = "",
    data: Data = None,
    database_url: str | None = None,
) -> None:
    """Put a transformation in force for a source. Its version is alone on the last line of stdout.

    Parameters
    ----------
    source: The source's key.
    file: The steps as YAML or JSON.
    note: What it is for.
    """
    text = _read(file)
    with database.connected(data, database_url) as conn:
        made = transform_store.save(conn, SYSTEM, _source(conn, source).id, text, note=note)
        conn.commit()
    _say(f"{len(made.transformation.steps)} steps, from the next items on")
    print(made.version)


@transformations_app.command(name="preview")
def transformations_preview(
    source: str, file: Path, *, data: Data = None, database_url: str | None = None
) -> None:
    """Say what a transformation would do to the newest items of a source. Nothing is kept.

    Parameters
    ----------
    source: The source's key.
    file: The steps as YAML or JSON.
    """
    steps = transforms.parse(_read(file))
    with database.connected(data, database_url) as conn:
        _tell(trials.preview(conn, SYSTEM, _source(conn, source).id, steps))


def _tell(tried: Sequence[trials.Tried]) -> None:
    """One line an item, with what changes about it and why it is kept out."""
    for one in tried:
        print(f"{one.outcome}\t{one.event}" + (f"\t{one.why}" if one.why else ""))
        for change in one.changes:
            print(f"  {change.what} {change.path}: {change.before!r} → {change.after!r}")
        for found in one.violations:
            print(f"  {found.path} {found.problem}".rstrip())
    _say(f"{len(tried)} newest items looked at; nothing was changed")


def _source(conn: Connection, key: str) -> sources.Source:
    for source in sources.list_all(conn, SYSTEM):
        if key in (source.key, source.api_id):
            return source
    raise errors.NotFound(f"There is no source `{key}`. See `onefold sources list`.")


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise errors.Invalid(
            errors.Fault("file", f"`{file}` cannot be read: {error}.", "Name a UTF-8 text file.")
        ) from None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
