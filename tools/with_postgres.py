"""Run a command against a throwaway PostgreSQL of a given version, named by ONEFOLD_DATABASE_URL.

    .venv/bin/python tools/with_postgres.py 15 .venv/bin/pytest

The server's binaries are Debian's, installed when they may be; it runs under Onefold's own
supervisor in a temporary folder that is removed at the end.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import debian

from onefold.storage import Cluster


def main() -> int:
    """The command's exit code."""
    version, command = sys.argv[1], sys.argv[2:]
    binaries = Path(f"/usr/lib/postgresql/{version}/bin")
    package = f"postgresql-{version}"
    if not (binaries / "postgres").exists() and not debian.install(package):
        debian.say(f"No PostgreSQL {version} here. Run\n\n{debian.how_to(package)}\n")
        return 1
    folder = Path(tempfile.mkdtemp(prefix="onefold-given-"))
    folder.chmod(0o711)
    try:
        with Cluster(folder / "data", binaries) as cluster:
            env = {**os.environ, "ONEFOLD_DATABASE_URL": cluster.url}
            return subprocess.run(command, env=env, check=False).returncode
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
