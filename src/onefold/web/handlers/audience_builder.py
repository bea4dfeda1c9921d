"""The audience builder: cards or text, checked and counted while one builds."""

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath

from onefold import audiences, record
from onefold.audiences import form
from onefold.audiences.form import operators
from onefold.kernel import clock, errors
from onefold.web import builder, data, door, edits
from onefold.web.handlers.audiences import written

_EMPTY = form.Card("group", {"how": "all"})


@get("/audiences/new", sync_to_thread=True)
def audience_new(request: door.AnyRequest) -> door.Page:
    """The builder, empty."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    if "from" in ask.query:
        return _page(ask, "", builder.state(_copied(ask, ask.query["from"])))
    of = "person" if ask.query.get("of") == "person" else "account"
    return _page(ask, "", builder.state({"of": of, **form.encode(_EMPTY)}))


def _copied(ask: door.Ask, key: str) -> dict[str, str]:
    """The form's fields for a copy of an audience: another name, and a key that follows it."""
    with ask.open() as conn:
        found = audiences.get(conn, ask.viewer, key)
    head = {"of": found.of, "name": f"{found.name} (copy)", "feature": found.feature}
    if found.kind == "live":
        return {**head, **form.encode(form.opened(found.source["where"]))}
    renamed = msgspec.structs.replace(found, key=f"{found.key}_copy", name=head["name"])
    return {**head, "key": renamed.key, "mode": "text", "yaml": written(renamed)}


@get("/audiences/{key:str}/edit", sync_to_thread=True)
def audience_edit(request: door.AnyRequest, key: FromPath[str]) -> door.Page:
    """The builder on a definition."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    with ask.open() as conn:
        found = audiences.get(conn, ask.viewer, key)
    head = {
        "of": found.of, "name": found.name, "key": found.key, "feature": found.feature,
        "version": str(found.version),
    }  # fmt: skip
    if found.kind == "live":
        fields = {**head, **form.encode(form.opened(found.source["where"]))}
    else:  # a query or a list has no cards
        fields = {**head, "mode": "text", "yaml": written(found)}
    return _page(ask, key, builder.state(fields))


@post("/audiences/~edit", sync_to_thread=True)
def builder_edit(request: door.AnyRequest) -> door.Page:
    """What a button of the builder does: the cards, or the other mode, as a fragment."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    word = ask.form.get("do", "")
    now = builder.state(ask.form)
    focus = ""
    if word == "switch":
        now = builder.switched(now)
    elif now.mode == "form":
        cards, focus = form.apply(now.cards, word)
        now = builder.state({**_head(ask), **form.encode(cards)})
    return door.page(ask, "builder_work.html", **_values(now), focus=focus)


@post("/audiences/~check", sync_to_thread=True)
def builder_check(request: door.AnyRequest) -> Response[Any]:
    """The sentence, or what is to be mended where; with the definition to count by."""
    ask = door.ask_of(request)
    now = builder.state(ask.form)
    answer = {
        "sentence": now.sentence, "notes": msgspec.to_builtins(now.notes), "of": now.of,
        "definition": None if now.notes else now.source,
    }  # fmt: skip
    return door.plain(msgspec.json.encode(answer).decode(), "application/json")


@post("/audiences/~preview", sync_to_thread=True)
def builder_preview(request: door.AnyRequest) -> door.Page:
    """How many would be in it now, some of them, and whom other audiences share."""
    ask = door.ask_of(request)
    ask.viewer.must_admin()
    now = builder.state(ask.form)
    drafts: record.Drafts = request.app.state.drafts
    found = None
    if not now.notes:
        found = drafts.preview(ask.viewer, now.source, ask.now_ms, now.feature)
    return door.page(ask, "builder_size.html", found=found, s=now)


@post("/audiences", sync_to_thread=True)
def audience_create(request: door.AnyRequest) -> door.Page:
    """Make an audience, or show everything that is to be mended."""
    ask = door.ask_of(request)
    now = builder.state(ask.form)
    if now.notes:
        return _page(ask, "", now, status=400)
    key = now.key or builder.slug(now.name) or f"audience_{clock.token('', 4).lower()}"
    try:
        with ask.open() as conn:
            made = audiences.create(conn, ask.viewer, key, now.name, now.source, now.feature)
    except (errors.Invalid, errors.Conflict) as error:
        return _page(ask, "", now, data.wrong(error), error.status)
    return door.go(ask, f"/audiences/{made.key}", {"text": "Audience created"})


@post("/audiences/{key:str}", sync_to_thread=True)
def audience_update(request: door.AnyRequest, key: FromPath[str]) -> door.Page:
    """Change an audience, or show everything that is to be mended."""
    ask = door.ask_of(request)
    now = builder.state(ask.form)
    if now.notes:
        return _page(ask, key, now, status=400)
    try:
        with ask.open() as conn:
            made = audiences.update(
                conn, ask.viewer, key, name=now.name or None, source=now.source,
                feature=now.feature, version=edits.version(ask.form),
            )  # fmt: skip
    except (errors.Invalid, errors.Conflict) as error:
        return _page(ask, key, now, data.wrong(error), error.status)
    return door.go(ask, f"/audiences/{made.key}", {"text": "Audience saved"})


def _head(ask: door.Ask) -> dict[str, str]:
    """The form's fields that are no cards."""
    return {k: v for k, v in ask.form.items() if "/" not in k}


def _page(
    ask: door.Ask, key: str, now: builder.State, faults: Any = (), status: int = 200
) -> door.Page:
    where = f"/audiences/{key}" if key else "/audiences"
    return door.page(
        ask, "builder.html", http=status, title=now.name or key or "New audience", action=where,
        back=where, verb="Save" if key else "Create audience", faults=faults, is_new=not key,
        menu=operators.MENU, groups=operators.GROUPS, sent=status != 200, focus="", found=None,
        **_values(now),
    )  # fmt: skip


def _values(now: builder.State) -> dict[str, Any]:
    return {
        "s": now, "rows": operators.BY_KIND, "ops": operators.OPS, "group_options": [
            (how, label) for how, label, _ in operators.GROUPS
        ], "periods": operators.PERIODS,
    }  # fmt: skip


HANDLERS = [
    audience_new, audience_edit, builder_edit, builder_check, builder_preview, audience_create,
    audience_update,
]  # fmt: skip
