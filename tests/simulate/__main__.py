"""`python -m tests.simulate --seed N [--worlds M]`: many worlds; a failure prints its seed.

Four kinds: whole histories through the engine, identity as a pure function, identity through the
resolver on a database, and pairs of a definition and a history, asked live and by SQL.
"""

import argparse
import secrets
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psycopg

from onefold import storage
from tests.audiences import pairs
from tests.conftest import swap_database
from tests.identity import worlds
from tests.simulate import world


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--identity-worlds", type=int, default=10_000)
    parser.add_argument("--resolver-worlds", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=20_000)
    args = parser.parse_args()
    failed = _pairs(args.seed, args.pairs)
    failed += _identity(range(args.seed, args.seed + args.identity_worlds))
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
        failed += _resolver(
            swap_database(cluster.url, template),
            range(args.seed, args.seed + args.resolver_worlds),
        )
    sys.stdout.write(f"{args.worlds} worlds from seed {args.seed}\n{failed} wrong in all\n")
    sys.exit(failed > 0)


def _pairs(seed: int, n: int) -> int:
    if not n:
        return 0
    compared, wrong = pairs.wrong(seed, n)
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    sys.stdout.write(f"{compared:,} pairs of definition and history, {len(wrong)} different\n")
    return len(wrong)


def _identity(seeds: range) -> int:
    return _report("identity worlds", {n: worlds.wrong(n) for n in seeds})


def _resolver(database: str, seeds: range) -> int:
    with storage.connect(database) as conn:
        return _report("resolver worlds", {n: worlds.resolved_wrong(conn, n) for n in seeds})


def _report(what: str, found: Mapping[int, list[str]]) -> int:
    wrong = {n: lines for n, lines in found.items() if lines}
    for n, lines in wrong.items():
        sys.stdout.write("".join(f"{what}, seed {n}: {line}\n" for line in lines))
    sys.stdout.write(f"{len(found):,} {what}, {len(wrong)} wrong\n")
    return len(wrong)


if __name__ == "__main__":
    main()
