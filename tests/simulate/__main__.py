"""`python -m tests.simulate --seed N [--worlds M]`: many worlds; a failure prints its seed."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

import psycopg

from onefold import storage
from tests.conftest import swap_database
from tests.simulate import world


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--steps", type=int, default=60)
    args = parser.parse_args()
    failed = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        storage.Cluster(Path(folder) / "pg") as cluster,
        psycopg.connect(cluster.url, autocommit=True) as admin,
    ):
        template = f"sim_{secrets.token_hex(4)}"
        admin.execute(f'CREATE DATABASE "{template}"')
        storage.migrate(swap_database(cluster.url, template))
        for seed in range(args.seed, args.seed + args.worlds):
            name = f"sim_{seed}"
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
            wrong = world.run(swap_database(cluster.url, name), seed, args.steps)
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            for line in wrong:
                sys.stdout.write(f"seed {seed}: {line}\n")
            failed += bool(wrong)
    sys.stdout.write(f"{args.worlds} worlds from seed {args.seed}, {failed} wrong\n")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
