"""Queries that make audiences: one SELECT over the lake that answers ids. Read, never run here."""

from functools import lru_cache

from onefold.kernel import limits

COLUMNS = {"person": "person_id", "account": "account_id"}


@lru_cache(limits.audiences_max)
def fault_of(text: str) -> str:
    """What is wrong with a query as a text; empty when nothing is. Kept ones are read often."""
    import duckdb  # a tenth of a second that most processes never need

    if len(text) > limits.audience_sql_chars_max:
        return f"has {len(text)} characters, at most {limits.audience_sql_chars_max} are taken."
    with duckdb.connect() as parser:
        try:
            found = parser.extract_statements(text)
        except duckdb.Error as error:
            return f"is not understood: {str(error).splitlines()[0][:300]}"
    if len(found) != 1:
        return f"has {len(found)} statements."
    if found[0].type != duckdb.StatementType.SELECT:
        return "is no SELECT."
    return ""


def ids_of(text: str, kind: str, columns: list[str]) -> str:
    """The query for the ids alone: its only column, or the one that is named for the kind.

    Raises `ValueError` when it is not told which one that is.
    """
    wanted = COLUMNS[kind]
    if len(columns) != 1 and wanted not in columns:
        raise ValueError(f"The query answers {', '.join(columns)}; name one column `{wanted}`.")
    name = wanted if wanted in columns else columns[0]
    quoted = '"' + name.replace('"', '""') + '"'
    body = text.strip().rstrip(";")
    return (
        f"SELECT DISTINCT TRY_CAST({quoted} AS BIGINT) AS entity_id FROM (\n{body}\n) "
        f"WHERE TRY_CAST({quoted} AS BIGINT) IS NOT NULL"
    )
