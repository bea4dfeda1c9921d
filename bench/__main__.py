"""The budgets, one part after another in one run on one machine.

    python -m bench [PART …] [--json FILE]      all parts but the last when none is named

live       throughput, freshness and read times of a whole server
identity   what resolving costs, a conflicting link, a merge and an unmerge of two large people
matching   records matched by us and by Splink side by side: quality and seconds
preview    drafts of audiences over `--stored-facts` of `--stored-people`
imports    a file of events (`--rows`, `--file-people`) imported and taken back
"""

import argparse
import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

PARTS = ("live", "identity", "matching", "preview", "imports")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--file-people", type=int, default=100_000)
    parser.add_argument("--stored-facts", type=int, default=10_000_000)
    parser.add_argument("--stored-people", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    report: dict[str, Any] = {"cores": os.cpu_count()}
    for name in options.parts or PARTS[:-1]:
        print(f"── {name}", flush=True)
        report[name] = import_module(f"bench.{name}").run(options)
        print(json.dumps(report[name], indent=2), flush=True)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
