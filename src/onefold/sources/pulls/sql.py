"""The statements that a pull sends: one SELECT, whatever was asked for. Pure.

A given query stands as a subquery in ours, so that it can only be a query; text that would end the
subquery or begin another statement is refused before. What runs it is read-only as well.
"""

import re
from collections.abc import Sequence

import msgspec

from onefold.kernel import errors, limits

_PART = re.compile(r'"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[^.]+')
_DOLLAR = re.compile(r"\$(?:[A-Za-z_]\w*)?\$")
_FIRST = re.compile(r"\(*\s*(select|with|values)\b", re.IGNORECASE)
_LINE = re.compile(r"--[^\n]*|#[^\n]*")


class Dialect(msgspec.Struct, frozen=True):
    """How a database writes names and parameters, and what its texts may look like."""

    quote: str
    mark: str
    backslash: bool = False  # escapes in texts, `#` comments, `/*!` that runs: MySQL
    dollar: bool = False  # $tag$ texts $tag$
    bracket: bool = False  # [names]


POSTGRESQL = Dialect('"', "%s", dollar=True)
MYSQL = Dialect("`", "%s", backslash=True)
SQLITE = Dialect('"', "?", bracket=True)
DUCKDB = Dialect('"', "?", dollar=True)


def name(dialect: Dialect, text: str) -> str:
    """A column's name, quoted."""
    q = dialect.quote
    return q + text.replace(q, q + q) + q


def relation(dialect: Dialect, text: str) -> str:
    """A table's name with its schema, each part quoted. Parts with dots are given quoted."""
    parts = [_bare(p) for p in _PART.findall(text.strip())]
    return ".".join(name(dialect, p) for p in parts)


def spelled(*parts: str) -> str:
    """A name as `relation` takes it: parts that hold dots or quotes in quotes."""
    return ".".join(
        p if p and not re.search(r'[."`\[\]]', p) else '"' + p.replace('"', '""') + '"'
        for p in parts
    )


def _bare(part: str) -> str:
    if len(part) > 1 and part[0] in '"`' and part[-1] == part[0]:
        return part[1:-1].replace(part[0] * 2, part[0])
    if len(part) > 1 and part[0] == "[" and part[-1] == "]":
        return part[1:-1]
    return part.strip()


def check_relation(text: str) -> list[errors.Fault]:
    """What is wrong with a table's name."""
    parts = _PART.findall(text.strip())
    if (
        not text.strip()
        or len(text) > limits.pull_relation_chars_max
        or len(parts) > 3
        or "\0" in text
        or ".".join(parts) != text.strip()
        or not all(_bare(p) for p in parts)
    ):
        return [errors.Fault("table", "is no table's name.", "Write `schema.table` or `table`.")]
    return []


def check_query(dialect: Dialect, text: str) -> list[errors.Fault]:
    """What is wrong with a query, as far as its text tells."""
    if len(text) > limits.pull_query_chars_max:
        return [_query(f"is longer than {limits.pull_query_chars_max:,} characters.")]
    clean = trimmed(text)
    if not _FIRST.match(_without_comments(clean)):
        return [_query("does not begin with SELECT.")]
    problem = _walk(dialect, clean)
    return [_query(problem)] if problem else []


def trimmed(text: str) -> str:
    """The query without what may stand at its end."""
    return text.strip().rstrip(";").rstrip()


def _query(problem: str) -> errors.Fault:
    return errors.Fault("query", problem, "Give one SELECT; it reads and changes nothing.")


def _without_comments(text: str) -> str:
    out = text.lstrip()
    while out.startswith(("--", "/*", "#")):
        if out.startswith("/*"):
            out = out.partition("*/")[2].lstrip()
        else:
            out = _LINE.sub("", out, count=1).lstrip()
    return out


def _walk(dialect: Dialect, text: str) -> str:
    """Whether the text stays within one pair of parentheses: the first problem, or ""."""
    at, depth, size = 0, 0, len(text)
    while at < size:
        after = _skip(dialect, text, at)
        if after < 0:
            return "has a text, name or comment that does not end."
        if after > at:
            if dialect.backslash and text.startswith(("/*!", "/*M!"), at):
                return "holds a comment that is run."
            at = after
            continue
        char = text[at]
        if char == ";":
            return "holds more than one statement."
        depth += (char == "(") - (char == ")")
        if depth < 0:
            return "closes a parenthesis that it did not open."
        at += 1
    return "opens a parenthesis that it does not close." if depth else ""


def _skip(dialect: Dialect, text: str, at: int) -> int:
    """Where the text, quoted name or comment ends that begins here; `at` for none; -1: never."""
    char = text[at]
    if char in "'\"`":
        escapes = dialect.backslash or (char == "'" and _is_escaped(dialect, text, at))
        return _quoted(text, at, char, escapes)
    if char == "[" and dialect.bracket:
        return text.find("]", at) + 1 or -1
    if text.startswith("/*", at):
        return text.find("*/", at + 2) + 2 if "*/" in text[at + 2 :] else -1
    space = not dialect.backslash or text[at + 2 : at + 3].isspace() or at + 2 == len(text)
    if (text.startswith("--", at) and space) or (char == "#" and dialect.backslash):
        end = text.find("\n", at)
        return len(text) if end < 0 else end + 1
    if (
        char == "$"
        and dialect.dollar
        and not (at and (text[at - 1].isalnum() or text[at - 1] == "_"))
    ):
        found = _DOLLAR.match(text, at)
        if found:
            end = text.find(found[0], found.end())
            return -1 if end < 0 else end + len(found[0])
    return at


def _is_escaped(dialect: Dialect, text: str, at: int) -> bool:
    """E'…' of PostgreSQL."""
    before = text[max(0, at - 2) : at].lower()
    return dialect.dollar and before.endswith("e") and not before[:-1].isalnum()


def _quoted(text: str, at: int, quote: str, escapes: bool) -> int:
    i = at + 1
    while i < len(text):
        if escapes and text[i] == "\\":
            i += 2
            continue
        if text[i] == quote:
            if text[i + 1 : i + 2] != quote:
                return i + 1
            i += 1
        i += 1
    return -1


# ── ours ───────────────────────────────────────────────────────────────────────────────────────


def source(dialect: Dialect, table: str, query: str) -> str:
    """What is read, as it stands after FROM."""
    inner = relation(dialect, table) if table else f"(\n{trimmed(query)}\n)"
    if dialect.mark == "%s":
        inner = inner.replace("%", "%%")
    return f"{inner} AS pulled"


def rows(
    dialect: Dialect,
    what: str,
    cursor: str,
    keys: Sequence[str],
    *,
    bounded: bool,
    ordered: bool = True,
    rows_max: int | None = None,
    columns: Sequence[str] = (),
) -> str:
    """Rows in the order of the cursor, then of the key; `bounded`: from a parameter on."""
    out = f"SELECT {', '.join(columns) if columns else '*'} FROM {what}"
    if cursor:
        at = _named(dialect, cursor)
        out += f" WHERE {at} >= {dialect.mark}" if bounded else f" WHERE {at} IS NOT NULL"
    order = dict.fromkeys(([cursor] if cursor else []) + list(keys))
    if ordered and order:
        out += " ORDER BY " + ", ".join(_named(dialect, c) for c in order)
    if rows_max is not None:
        out += f" LIMIT {rows_max}"
    return out


def nulls(dialect: Dialect, what: str, cursor: str) -> str:
    """How many rows have no cursor, counted up to a limit."""
    at = _named(dialect, cursor)
    return (
        f"SELECT count(*) FROM (SELECT 1 AS one FROM {what} WHERE {at} IS NULL "
        f"LIMIT {limits.pull_nulls_max}) AS counted"
    )


def _named(dialect: Dialect, text: str) -> str:
    found = name(dialect, text)
    return found.replace("%", "%%") if dialect.mark == "%s" else found
