"""See to a MariaDB for the tests that pull from one. Standard library only.

    python3 tools/mariadb.py

Ends with 0 when there is one. Else it installs Debian's, when it may; when not, it says what to do
and ends with 1.
"""

import os
import shutil
import sys

import debian


def main() -> int:
    """Find or install it."""
    if find() or (debian.install("mariadb-server-core") and find()):
        return 0
    debian.say(
        "No MariaDB for the tests, and installing it needs root. Run\n\n"
        f"{debian.how_to('mariadb-server-core')}\n\n"
        "or name one: ONEFOLD_MARIADBD=/path/to/mariadbd\n"
    )
    return 1


def find() -> str | None:
    """Its path, by ONEFOLD_MARIADBD or by name."""
    given = os.environ.get("ONEFOLD_MARIADBD")
    return given or shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")


if __name__ == "__main__":
    sys.exit(main())
