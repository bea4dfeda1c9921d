"""`onefold match`: a file in, the same file with a column `cluster` out, a summary on stderr."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from onefold.identity import match
from onefold.kernel import errors


def roles(text: str | None) -> dict[str, str]:
    """`who=name,born=dob` as a mapping of columns to roles."""
    out = {}
    for part in (text or "").split(","):
        column, equals, role = part.rpartition("=")
        if part.strip() and not equals:
            raise errors.Invalid(
                errors.Fault(
                    "--map", f"`{part}` is not column=role.", "Write --map who=name,born=dob."
                )
            )
        if part.strip():
            out[column.strip()] = role.strip()
    return out


def run(file: Path, out: Path, mapped: str | None, kind: str, say: Callable[[str], None]) -> None:
    """Read, match, write, summarise."""
    table, source = match.files.read(file)
    if not table.count:
        match.files.write(out, source, [])
        say(f"{file} has no rows; {out} has none either.")
        return
    seen = match.columns.recognise(table, roles(mapped), kind)
    labels = [""] * table.count
    found: list[match.engine.Matching] = []
    for rows, matching in match.engine.match_mixed(table, seen):
        found.append(matching)
        for row, first in zip(rows.tolist(), matching.clusters.tolist(), strict=True):
            labels[row] = str(int(rows[first]) + 1)
    match.files.write(out, source, labels)
    for line in _summary(seen, found, labels, out):
        say(line)


def _summary(seen: match.columns.Recognised, found: list[Any], labels: list[str],
             out: Path) -> list[str]:  # fmt: skip
    used = [f"{name} = {role}" for name, role in seen.roles.items() if role != "ignore"]
    left = [name for name, role in seen.roles.items() if role == "ignore"]
    sizes: dict[str, int] = {}
    for label in labels:
        sizes[label] = sizes.get(label, 0) + 1
    low, high = match.engine.REVIEW_BITS, match.engine.LINK_BITS
    review = sum(matching.zone(low, high) for matching in found)
    kinds = {"person": "people", "organisation": "organisations", "mixed": "people, organisations"}
    return [
        f"Matched as {kinds[seen.kind]} by: {', '.join(used)}",
        *([f"Not used: {', '.join(left)}"] if left else []),
        (
            f"{len(labels)} rows, {len(sizes)} clusters, "
            f"{sum(n > 1 for n in sizes.values())} of them "
            f"with more than one row (the largest {max(sizes.values())}); "
            f"{review} pairs near the border are worth a look"
        ),
        (
            f"Written to {out}: the column `{match.files.CLUSTER}` holds the number of a cluster's "
            "first row"
        ),
    ]
