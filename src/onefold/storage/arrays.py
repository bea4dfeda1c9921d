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
_COPY_HEAD, _COPY_END = 19, 2
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
    """The answer of a query of `width` columns, each a bigint without nulls, as it is copied out:
    a tenth of what rows of Python integers cost.
    """
    row = np.dtype([("n", ">i2"), *((f"{k}{i}", t) for i in range(width)
                    for k, t in (("length", ">i4"), ("value", ">i8")))])  # fmt: skip
    with conn.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT binary)", args or None) as copy:
        data = b"".join(copy)
    found = np.frombuffer(data, row, (len(data) - _COPY_HEAD - _COPY_END) // row.itemsize,
                          _COPY_HEAD)  # fmt: skip
    if len(data) != _COPY_HEAD + _COPY_END + found.nbytes:
        raise ValueError("the query answers something else than bigints that are never null")
    return [found[f"value{i}"].astype(np.int64) for i in range(width)]


psycopg.adapters.register_dumper(Bigints, _BigintsDumper)
