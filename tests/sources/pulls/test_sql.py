"""The statements that pulls send: quoting, and queries that stay queries."""

import pytest

from onefold.sources.pulls import sql

FINE = [
    "select 1", " SELECT * FROM t WHERE a = 'x;y)' -- ; )\n",
    "WITH a AS (SELECT 1) SELECT * FROM a;",
    "/* why ; ) */ SELECT ';' AS \"a;)\"", "VALUES (1), (2)", "(SELECT 1) UNION (SELECT 2)",
]  # fmt: skip
WRONG = [
    "", "DELETE FROM t", "SELECT 1; SELECT 2", "SELECT 1) AS x, (SELECT 2", "SELECT 'a",
    "SELECT (1",
    "EXPLAIN SELECT 1", "-- SELECT\nDROP TABLE t", "SELECT /* 1",
]  # fmt: skip


@pytest.mark.parametrize("dialect", [sql.POSTGRESQL, sql.MYSQL, sql.SQLITE, sql.DUCKDB])
def test_queries_are_told_from_what_is_none(dialect: sql.Dialect) -> None:
    assert [q for q in FINE if sql.check_query(dialect, q)] == []
    assert [q for q in WRONG if not sql.check_query(dialect, q)] == []


@pytest.mark.parametrize(
    ("dialect", "query", "fine"),
    [
        (sql.POSTGRESQL, "SELECT $a$ ; ) $a$", True),
        (sql.POSTGRESQL, "SELECT $a$ ; $b$ ; SELECT 1", False),
        (sql.POSTGRESQL, r"SELECT 'a\'; DROP TABLE t --'", False),
        (sql.POSTGRESQL, r"SELECT E'a\'; )' AS x", True),
        (sql.POSTGRESQL, "SELECT a#>'{b}' FROM t", True),
        (sql.MYSQL, r"SELECT 'a\'; )' AS x", True),
        (sql.MYSQL, "SELECT 1 # ; )\n FROM t", True),
        (sql.MYSQL, "SELECT 5--1) ; DROP TABLE t", False),
        (sql.MYSQL, "SELECT 1 /*! INTO OUTFILE '/tmp/x' */", False),
        (sql.MYSQL, "SELECT `a;)` FROM t", True),
        (sql.SQLITE, "SELECT [a;)] FROM t", True),
        (sql.SQLITE, "SELECT [a", False),
    ],
)
def test_each_dialect_has_its_own_quotes(dialect: sql.Dialect, query: str, fine: bool) -> None:
    assert (not sql.check_query(dialect, query)) is fine


def test_names_are_quoted_whatever_is_in_them() -> None:
    assert sql.relation(sql.POSTGRESQL, "public.users") == '"public"."users"'
    assert sql.relation(sql.POSTGRESQL, '"we.ird"."a""b"') == '"we.ird"."a""b"'
    assert sql.relation(sql.MYSQL, "shop.or`der") == "`shop`.`or``der`"
    assert sql.relation(sql.MYSQL, '"a.b".`c``d`') == "`a.b`.`c``d`"
    assert sql.relation(sql.POSTGRESQL, 'users"; DROP TABLE x; --') == (
        '"users""; DROP TABLE x; --"'
    )
    for name in ("a.b", 'x"y', "plain", "with space", "Ünï"):
        assert sql.relation(sql.POSTGRESQL, sql.spelled("s", name)) == (
            '"s"."' + name.replace('"', '""') + '"'
        )
    for wrong in ("", " ", ".", "a.", "a..b", "a.b.c.d", "x\0"):
        assert sql.check_relation(wrong), wrong
    for right in ("users", "a.b", "a.b.c", '"x.y".z', "[we ird].t", "`a`.`b`"):
        assert not sql.check_relation(right), right


def test_a_cursor_makes_the_order_and_the_bound() -> None:
    what = sql.source(sql.POSTGRESQL, "users", "")
    text = sql.rows(sql.POSTGRESQL, what, "at", ["id", "at"], bounded=True, rows_max=5)
    assert text == ('SELECT * FROM "users" AS pulled WHERE "at" >= %s ORDER BY "at", "id" LIMIT 5')
    what = sql.source(sql.MYSQL, "", "SELECT '%' AS a;")
    assert sql.rows(sql.MYSQL, what, "", [], bounded=False) == (
        "SELECT * FROM (\nSELECT '%%' AS a\n) AS pulled"
    )
