"""Whole columns as binary PostgreSQL arrays, encoded at once; and whole answers as numpy columns.

psycopg encodes an array element by element; for the worker's bulk writes (tens of thousands of
integers a batch) that is most of what a statement costs. `bigints` makes the same bytes with numpy.
Format: dimensions, has-null flag, element type, length, lower bound, then (length, value) pairs
(https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-FORMAT-CODES, array_send).
"""

import struct
from collections.abc import Sequence
from typing import Any, LiteralString

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from onefold.storage.database import Connection

_INT8, _INT8_ARRAY = 20, 1016
_HEAD = struct.Struct("!iiIii")
_PACKED = """
SELECT string_agg({packed}, ''::bytea)
FROM (SELECT *, (row_number() OVER () - 1) / 500000 AS part FROM ({query}) AS q ({names})) AS r
GROUP BY part
"""
_PAIRS = np.dtype([("length", ">i4"), ("value", ">i8")])


class Bigints:
    """An encoded `bigint[]`, ready to be a parameter (placeholder `%b`)."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class _BigintsDumper(Dumper):
    format = Format.BINARY
    oid = _INT8_ARRAY

    def dump(self, obj: Bigints) -> bytes:
        return obj.data


def bigints(values: Sequence[int]) -> Bigints:
    """A column of integers without nulls."""
    pairs = np.empty(len(values), dtype=_PAIRS)
    pairs["length"] = 8
    pairs["value"] = values
    return Bigints(_HEAD.pack(1, 0, _INT8, len(values), 1) + pairs.tobytes())


def columns(
    conn: Connection, query: LiteralString, width: int, args: Sequence[Any] = ()
) -> list[npt.NDArray[np.int64]]:
    """The answer of a query of `width` columns, each a bigint without nulls. The server packs the
    rows: a twentieth of what rows of Python integers cost.
    """
    names = [f"c{i}" for i in range(width)]
    packed = " || ".join(f"int8send({name})" for name in names)
    statement = _PACKED.format(packed=packed, query=query, names=", ".join(names))
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(statement.encode(), args or None).fetchall()
    found = np.frombuffer(b"".join(part for (part,) in rows), ">i8").reshape(-1, width)
    return [found[:, i].astype(np.int64) for i in range(width)]


psycopg.adapters.register_dumper(Bigints, _BigintsDumper)
