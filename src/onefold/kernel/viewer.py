"""Who is asking. Every store function that reads or writes customers' data takes a `Viewer`.

Roles rise: reader (sees), member (also writes records), admin (also sources, keys, users,
definitions). `SYSTEM` is the worker itself acting on definitions that an admin made.
"""

from typing import Literal

import msgspec

from onefold.kernel import errors

Role = Literal["reader", "member", "admin"]
ROLES: tuple[Role, ...] = ("reader", "member", "admin")


class Viewer(msgspec.Struct, frozen=True):
    """The caller: a user by session, an API key, or the system.

    `kind`: user, key or system. `id`: `app_user.id` or `api_key.id`; 0 for the system.
    """

    kind: Literal["user", "key", "system"]
    id: int
    name: str
    role: Role

    def _must(self, role: Role, what: str) -> None:
        if ROLES.index(self.role) < ROLES.index(role):
            raise errors.Forbidden(
                f"{what} needs the role `{role}`; `{self.name}` has `{self.role}`. "
                "Ask an admin for a key or log-in with that role."
            )

    def must_read(self) -> None:
        """Raise `Forbidden` unless the caller may see customers' data."""
        self._must("reader", "Reading records")

    def must_write(self) -> None:
        """Raise `Forbidden` unless the caller may change records."""
        self._must("member", "Changing records")

    def must_admin(self) -> None:
        """Raise `Forbidden` unless the caller may change sources, keys, users and definitions."""
        self._must("admin", "This")

    @property
    def actor(self) -> str:
        """How the caller is named on facts: `user:3`, `key:7`, `system:0`."""
        return f"{self.kind}:{self.id}"


SYSTEM = Viewer(kind="system", id=0, name="Onefold", role="admin")
