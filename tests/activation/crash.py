"""Run as a process: deliver until killed. `python -m tests.activation.crash URL`."""

import asyncio
import sys

from onefold.activation import Deliverer
from onefold.kernel import settings
from onefold.storage import secrets

if __name__ == "__main__":
    chosen = settings.load()
    secrets.use(chosen)
    asyncio.run(Deliverer(sys.argv[1], chosen).run(asyncio.Event()))
