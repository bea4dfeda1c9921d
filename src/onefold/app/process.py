"""The child processes of `serve`: `python -m onefold.app.process http|worker|jobs`.

The database's URL comes in the environment, never on the command line. A child asks the kernel to
end it when the supervisor dies (Linux), so that no orphan keeps the port or the worker's lock.
"""

import asyncio
import ctypes
import os
import signal
import sys

from onefold.app import logs
from onefold.kernel import settings as settings_
from onefold.storage import secrets

_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    if sys.platform == "linux":
        parent = int(os.environ.get("ONEFOLD_SUPERVISOR", "0"))
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if parent and os.getppid() != parent:
            sys.exit(0)


def main() -> None:
    """Run the process named by the first argument."""
    _end_with_parent()
    settings = settings_.load()
    name = sys.argv[1]
    logs.configure(settings, name)
    secrets.use(settings)
    if name == "worker":
        from onefold import worker

        worker.run(settings.database_url, settings)
    elif name == "jobs":
        from onefold.app import jobs

        jobs.run(settings.database_url, settings)
    else:
        import uvloop

        from onefold.app import http

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(http.serve(settings))


if __name__ == "__main__":
    main()
