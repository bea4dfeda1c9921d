"""References to people and accounts, as they stand in paths.

| reference                          | means                                     |
| ---------------------------------- | ----------------------------------------- |
| `per_12`, `12`                     | the person (or the one it was merged into)|
| `user_id:org/42`, `email:a@b.co`   | the person with this identifier           |
| `con_4`                            | the person with the contact's identifier  |
| `acc_3`, `3`, `account_id:acme`    | the account                               |

The value is everything after the first colon: it may hold colons and slashes itself.
"""

import difflib

from onefold import identity
from onefold.kernel import errors, identifiers, ids
from onefold.kernel.facts import Identifier
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

PERSON_NAMESPACES = ("user_id", "contact", "email", "anonymous_id")
_SHOWN = 120


def person(ref: str) -> int | Identifier:
    """A person's id or identifier. Raises `NotFound` naming the nearest namespace."""
    if "\0" in ref:
        raise unknown("person", ref.replace("\0", "␀"))
    namespace, colon, value = ref.partition(":")
    if not colon:
        if ref.startswith("con_"):
            return Identifier("contact", str(_number("con", ref, "person")))
        return _number("per", ref, "person")
    if namespace == "account_id":
        raise errors.NotFound(
            f"`{ref[:_SHOWN]}` names an account. Ask `/api/accounts/{ref[:_SHOWN]}` for it."
        )
    if namespace not in PERSON_NAMESPACES:
        raise _no_namespace(namespace, PERSON_NAMESPACES)
    if namespace == "contact":
        value = value.removeprefix("con_")
    clean = identifiers.normalise(namespace, value)
    if clean is None:
        raise errors.NotFound(
            f"`{value[:_SHOWN]}` identifies nobody: it is empty or a placeholder that tools send."
        )
    return Identifier(namespace, clean)


def known_person(conn: Connection, viewer: Viewer, ref: str) -> int | Identifier:
    """The same, and identifiers of any other namespace that somebody has: `stripe_customer:cus_1`.

    Raises `NotFound`.
    """
    namespace, _, value = ref.partition(":")
    if value and namespace not in (*PERSON_NAMESPACES, "account_id") and "\0" not in ref:
        clean = identifiers.normalise(namespace, value)
        if clean and identity.person_of(conn, viewer, namespace, clean) is not None:
            return Identifier(namespace, clean)
    return person(ref)


def person_number(ref: str) -> int | None:
    """The number of a person's id; None for a reference by identifier."""
    if ":" in ref or ref.startswith("con_"):
        return None
    return _number("per", ref, "person")


def account(ref: str) -> int | str:
    """An account's id, or its key as a text. Raises `NotFound`."""
    namespace, colon, value = ref.partition(":")
    if not colon:
        return _number("acc", ref, "account")
    if namespace in PERSON_NAMESPACES:
        raise errors.NotFound(
            f"`{ref[:_SHOWN]}` names a person. Ask `/api/people/{ref[:_SHOWN]}` for it."
        )
    if namespace != "account_id":
        raise _no_namespace(namespace, ("account_id",))
    key = value.strip()
    if not key or "\0" in key:
        raise errors.NotFound("`account_id:` needs the account's key after the colon.")
    return key


def unknown(what: str, ref: str) -> errors.NotFound:
    """Nothing is there by this reference."""
    hint = (
        "Ask by id or identifier, for example `per_12` or `email:ann@acme.co`."
        if what == "person"
        else "Ask by id or key, for example `acc_3` or `account_id:acme`."
    )
    return errors.NotFound(f"There is no {what} `{ref[:_SHOWN]}`. {hint}")


def _number(prefix: str, ref: str, what: str) -> int:
    try:
        return ids.parse_id(prefix, ref)
    except errors.Invalid:
        raise unknown(what, ref) from None


def _no_namespace(namespace: str, known: tuple[str, ...]) -> errors.NotFound:
    near = difflib.get_close_matches(namespace.lower(), known, n=1, cutoff=0.4)
    meant = f" Did you mean `{near[0]}`?" if near else ""
    return errors.NotFound(
        f"`{namespace[:_SHOWN]}` is not a namespace here.{meant} There are {', '.join(known)}."
    )
