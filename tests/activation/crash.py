"""Run as a process: deliver until killed. `python -m tests.activation.crash URL`."""

import asyncio
import sys

from onefold.activation import Deliverer
from onefold.kernel.settings import Settings

if __name__ == "__main__":
    asyncio.run(Deliverer(sys.argv[1], Settings()).run(asyncio.Event()))
