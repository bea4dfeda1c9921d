"""What admins say of personalisation: which traits and audiences, from where, by which secret."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.record.personal import store
from onefold.storage import Connection

_LISTS = ("traits", "audiences", "origins")


class Secret(msgspec.Struct, frozen=True):
    """A secret that holds; the secret itself is answered once, when it is made."""

    id: str
    created_by: str
    created_at: str


class NewSecret(msgspec.Struct, frozen=True):
    """A secret that was just made. `id` is the `kid` of tokens signed with it."""

    id: str
    secret: str


class Settings(msgspec.Struct, frozen=True):
    """What browsers may read. `on`: there is a secret, so tokens can be signed.

    traits, audiences  names and keys that /v1/me answers
    origins            pages that may ask, `https://app.acme.co`; none: any page with a token
    """

    on: bool
    traits: list[str]
    audiences: list[str]
    origins: list[str]
    secrets: list[Secret]
    version: int
    updated_by: str
    updated_at: str


def settings(conn: Connection, viewer: Viewer) -> Settings:
    """The settings as they are."""
    viewer.must_read()
    row = store.settings(conn)
    held = [
        Secret(ids.api_id("pse", s["id"]), s["created_by"], _iso(s["created_at"]))
        for s in store.secrets(conn)
    ]
    return Settings(
        on=bool(held),
        traits=row["traits"],
        audiences=row["audiences"],
        origins=row["origins"],
        secrets=held,
        version=row["version"],
        updated_by=row["updated_by"],
        updated_at=_iso(row["updated_at"]),
    )


def _iso(value: Any) -> str:
    return clock.iso(clock.from_datetime(value)) or ""


def change(
    conn: Connection,
    viewer: Viewer,
    values: Mapping[str, Sequence[str]],
    now_ms: int,
    version: int | None = None,
) -> Settings:
    """Set the lists that are given. Raises `Invalid` with every fault, and `Conflict`."""
    viewer.must_admin()
    old = store.settings(conn, locked=True)
    if version is not None and version != old["version"]:
        raise errors.Conflict(
            "Personalisation was changed meanwhile. Look at it as it is now and edit again.",
            {name: old[name] for name in (*_LISTS, "version")},
        )
    new = {name: _clean(values.get(name, old[name])) for name in _LISTS}
    faults = _faults(conn, new)
    if faults:
        raise errors.Invalid(*faults)
    store.change(conn, {**new, "by": viewer.actor, "now": clock.to_datetime(now_ms)})
    return settings(conn, viewer)


def _clean(given: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(text.strip() for text in given if text.strip()))


def _faults(conn: Connection, new: Mapping[str, list[str]]) -> list[errors.Fault]:
    out: list[errors.Fault] = []
    for name, entries in new.items():
        if len(entries) > limits.personal_entries_max:
            remedy = f"List at most {limits.personal_entries_max}."
            out.append(errors.Fault(name, f"has {len(entries)} entries.", remedy))
    most = limits.name_chars_max
    out += [
        errors.Fault("traits", f"`{name[:60]}` is no trait's name.", f"At most {most} characters.")
        for name in new["traits"]
        if len(name) > most or "\0" in name
    ]
    known = store.known_audiences(conn, [k for k in new["audiences"] if "\0" not in k])
    out += [
        errors.Fault(
            "audiences",
            f"`{key[:60]}` is no audience of people.",
            "Check the key, or leave it out.",
        )
        for key in new["audiences"]
        if key not in known
    ]
    out += [
        errors.Fault(
            "origins", f"`{one[:60]}` is no origin.", "Write scheme and host: https://app.acme.co"
        )
        for one in new["origins"]
        if not _is_origin(one)
    ]
    return out


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    plain = f"{parts.scheme}://{parts.netloc}"
    return parts.scheme in ("http", "https") and bool(host) and plain == text and "@" not in text


def add_secret(conn: Connection, viewer: Viewer, now_ms: int) -> NewSecret:
    """A new secret beside the one there is, so that signers can change over in peace.

    Raises `Conflict` when there are two.
    """
    viewer.must_admin()
    store.settings(conn, locked=True)
    if len(store.secrets(conn)) >= limits.personal_secrets_max:
        raise errors.Conflict(
            f"There are {limits.personal_secrets_max} secrets. End one that nobody signs with."
        )
    secret = clock.token("ps_", limits.personal_secret_bytes)
    number = store.add_secret(conn, secret, viewer.actor, clock.to_datetime(now_ms))
    return NewSecret(ids.api_id("pse", number), secret)


def drop_secret(conn: Connection, viewer: Viewer, secret_id: str) -> None:
    """End a secret: every token signed with it ends at once. Raises `NotFound`."""
    viewer.must_admin()
    if not store.drop_secret(conn, ids.parse_id("pse", secret_id)):
        raise errors.NotFound(f"There is no secret `{secret_id[:40]}`.")
