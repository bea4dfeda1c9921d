"""See to a Chromium for the browser tests. Standard library only.

    python3 tools/chromium.py

Ends with 0 when there is one. Else it installs Debian's, when it may; when not, it says what to do
and ends with 3 (browser tests are left out), or in CI with 1: there nothing is skipped.
"""

import os
import shutil
import sys

import debian

NAMES = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    """Find or install it."""
    if find() or (debian.install("chromium") and find()):
        return 0
    debian.say(
        "No Chromium for the browser tests, and installing it needs root. Run\n\n"
        f"{debian.how_to('chromium')}\n\nor name one: ONEFOLD_CHROMIUM=/path/to/chromium\n"
    )
    return 1 if os.environ.get("CI") else 3


def find() -> str | None:
    """Its path, by ONEFOLD_CHROMIUM or by name."""
    given = os.environ.get("ONEFOLD_CHROMIUM")
    return given or next(filter(None, map(shutil.which, NAMES)), None)


if __name__ == "__main__":
    sys.exit(main())
