"""The Litestar app: the API's router, its description, and what all handlers share."""

from collections.abc import Callable, Sequence
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.datastructures import State
from litestar.di import Provide

from onefold import crm, record
from onefold.api import (
    accounts,
    audiences,
    audit,
    bulk,
    call,
    connectors,
    conversation,
    description,
    destinations,
    door,
    house,
    identity,
    imports,
    ladder,
    leads,
    links,
    matching,
    namespaces,
    objects,
    people,
    personal,
    pipelines,
    plans,
    previews,
    pulls,
    signals,
    source_items,
    sources,
    stream,
    suggestions,
    suppressions,
    traits,
    transformations,
    webhooks,
)
from onefold.api.answers import answer_error
from onefold.kernel import limits
from onefold.record import access
from onefold.record.connections import Connections, Pool
from onefold.record.drafts import Drafts

PageError = Callable[[Request[Any, Any, Any], Exception], Response[Any]]


class App(Litestar):
    """Litestar, but under `/api` routed by the path as sent.

    A reference such as `user_id:org%2F42` is one part of a path; decoded before routing, its slash
    would split it. So handlers there get their parts encoded and decode them themselves.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            raw = scope.get("raw_path")
            if raw:
                scope["path"] = raw.partition(b"?")[0].decode("utf-8", "replace")
        await super().__call__(scope, receive, send)


def router() -> Router:
    """All of `/api`. Its app must carry `connections` and `gate` in its state."""
    return Router(
        path="/api",
        route_handlers=[
            *people.HANDLERS,
            *personal.HANDLERS,
            *traits.HANDLERS,
            *identity.HANDLERS,
            *namespaces.HANDLERS,
            *ladder.HANDLERS,
            *matching.HANDLERS,
            *accounts.HANDLERS,
            *objects.handlers(crm.contacts, crm.Contact),
            *objects.handlers(crm.deals, crm.Deal),
            *objects.handlers(crm.leads, crm.Lead),
            *objects.handlers(crm.subscriptions, crm.Subscription),
            *objects.handlers(crm.activities, crm.Activity),
            *objects.handlers(crm.products, crm.Product),
            *objects.handlers(crm.tickets, crm.Ticket, create=record.open_ticket),
            *objects.handlers(crm.tasks, crm.Task),
            *objects.handlers(crm.accounts, crm.Account, only=frozenset(("upsert", "changes"))),
            *pipelines.HANDLERS,
            *leads.HANDLERS,
            *conversation.HANDLERS,
            *links.HANDLERS,
            *bulk.HANDLERS,
            *signals.HANDLERS,
            *stream.HANDLERS,
            *audiences.HANDLERS,
            *previews.HANDLERS,
            *suggestions.HANDLERS,
            *sources.HANDLERS,
            *transformations.HANDLERS,
            *plans.HANDLERS,
            *connectors.HANDLERS,
            *webhooks.HANDLERS,
            *imports.HANDLERS,
            *pulls.HANDLERS,
            *source_items.HANDLERS,
            *destinations.HANDLERS,
            *suppressions.HANDLERS,
            *house.HANDLERS,
            *audit.HANDLERS,
            description.openapi,
        ],
        guards=[door.admit, door.inspect_query, door.inspect_body],
        dependencies={"call": Provide(call.provide, sync_to_thread=False)},
        exception_handlers={Exception: answer_error},
        request_max_body_size=limits.api_body_bytes_max,
        security=[{"key": []}, {"session": []}],
    )


def build_app(
    pool: Pool,
    extra: Sequence[Any] = (),
    settings: Any = None,
    page_error: PageError | None = None,
) -> App:
    """The app over an open pool. `extra` are the pages' handlers, which find `connections`, `gate`,
    `drafts` and `settings` in `app.state`; `page_error` answers errors outside `/api`."""
    connections = Connections(pool)
    gate = access.Gate(connections)
    drafts = Drafts(connections, settings)

    def on_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        path = request.scope["path"]
        if page_error is None or path == "/api" or path.startswith("/api/"):
            return answer_error(request, error)
        return page_error(request, error)

    return App(
        route_handlers=[router(), personal.read_me, *extra],
        state=State(
            {"connections": connections, "gate": gate, "settings": settings, "drafts": drafts}
        ),
        exception_handlers={Exception: on_error},
        on_shutdown=[drafts.close],
        openapi_config=description.config(),
        logging_config=None,
    )


def end_streams(app: Litestar) -> None:
    """End the streams of changes. On the event loop's thread, before the server's own stop."""
    if "changes" in app.state:
        app.state.changes.close()


def routes() -> list[tuple[str, str, str | None]]:
    """(method, path, least role) of every route of the API; None: open to everybody."""
    return description.roles_of(_described())


def openapi_paths() -> list[str]:
    """Every path in the description."""
    return sorted(openapi()["paths"])


def openapi() -> dict[str, Any]:
    """The OpenAPI document, without an app that serves it."""
    return description.document(_described())


def _described() -> Litestar:
    return Litestar(
        route_handlers=[router()], openapi_config=description.config(), logging_config=None
    )
