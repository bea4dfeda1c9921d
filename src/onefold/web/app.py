"""All pages under one router: sign-in before each, errors as pages."""

from typing import Any

from litestar import Litestar, Response, Router

from onefold.web import door
from onefold.web.handlers import (
    accounts,
    around,
    audience_builder,
    audiences,
    connector_setup,
    connectors,
    destinations,
    home,
    identifiers,
    identity,
    imports,
    ladder,
    objects,
    people,
    personal,
    plans,
    pulls,
    reports,
    review,
    security,
    settings,
    signals,
    source_items,
    sources,
    tasks,
    tickets,
    traits,
    transformations,
    trust,
    webhooks,
)

_ROOMS = (
    home, around, objects, people, identity, ladder, accounts, tickets, tasks, audiences,
    audience_builder, signals,
    sources, source_items, webhooks, connectors, connector_setup, destinations, settings, imports,
    security, transformations, plans, review, trust, pulls, identifiers,
    personal, traits, reports,
)  # fmt: skip


def handlers() -> list[Any]:
    """The pages' router, in a list for the app."""
    return [
        Router(
            path="/",
            route_handlers=[handler for room in _ROOMS for handler in room.HANDLERS],
            before_request=door.enter,
            exception_handlers={Exception: page_error},
            include_in_schema=False,
        )
    ]


def end_streams(app: Litestar) -> None:
    """End the open event streams: a server that is told to stop waits for its answers to end.

    Call it on the event loop's thread, before the server's own stop.
    """
    if "live" in app.state:
        app.state.live.close()


def page_error(request: door.AnyRequest, error: Exception) -> Response[Any]:
    """An error as a page."""
    return door.refuse(request, error)
