"""Files at records, kept in the database: small ones, by name, served as downloads only."""

import hashlib
from typing import Any
from urllib.parse import quote

import msgspec

from onefold.crm import custom, links, objects
from onefold.kernel import clock, errors, ids, limits
from onefold.kernel.viewer import Viewer
from onefold.storage import Connection

_COLUMNS = "id, object, record_id, name, media_type, bytes, created_by, created_at"
OF = f"SELECT {_COLUMNS} FROM attachment WHERE object = %s AND record_id = %s ORDER BY id"
ADD = f"""
INSERT INTO attachment
  (object, record_id, name, media_type, bytes, sha256, content, created_by, created_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}
"""
GET = f"SELECT {_COLUMNS}, content FROM attachment WHERE id = %s"
DROP = "DELETE FROM attachment WHERE id = %s"


class Attachment(msgspec.Struct, frozen=True):
    """A file at a record."""

    id: str
    record: str
    name: str
    media_type: str
    bytes: int
    created_by: str
    created_at: str


def of(conn: Connection, viewer: Viewer, record_id: str) -> list[Attachment]:
    """A record's files, oldest first. Raises `NotFound`."""
    noun, row_id = links.parse("of", record_id)
    objects.ALL[noun].get(conn, viewer, row_id)
    return [_present(row) for row in conn.execute(OF, (noun, row_id))]


def add(
    conn: Connection, viewer: Viewer, record_id: str, name: str, media_type: str, content: bytes,
    now_ms: int,
) -> Attachment:  # fmt: skip
    """Keep a file. Raises `Invalid` for one without a name or content, `TooLarge`, `Conflict`."""
    viewer.must_write()
    noun, row_id = links.parse("of", record_id)
    objects.ALL[noun].get(conn, viewer, row_id)
    shown = "".join(c for c in name.replace("\\", "/").rpartition("/")[2] if c.isprintable())
    if not shown.strip() or len(shown) > limits.name_chars_max:
        remedy = f"Use 1 to {limits.name_chars_max} characters."
        raise errors.Invalid(errors.Fault("name", "is no file's name.", remedy))
    if not content:
        raise errors.Invalid(errors.Fault("body", "is empty.", "Send the file's bytes."))
    if len(content) > limits.attachment_bytes_max:
        raise errors.TooLarge(
            f"The file has {len(content):,} bytes; {limits.attachment_bytes_max:,} at most."
        )
    if len(conn.execute(OF, (noun, row_id)).fetchall()) >= limits.attachments_max:
        raise errors.Conflict(f"A record has {limits.attachments_max} files at most.")
    kind = media_type.partition(";")[0].strip().lower()
    values = (
        noun, row_id, shown.strip(), kind[:100] or "application/octet-stream", len(content),
        hashlib.sha256(content).digest(), content, viewer.actor, clock.to_datetime(now_ms),
    )  # fmt: skip
    return _present(conn.execute(ADD, values).fetchall()[0])


def content(conn: Connection, viewer: Viewer, attachment_id: str) -> tuple[Attachment, bytes]:
    """A file with its bytes. Raises `NotFound`."""
    viewer.must_read()
    row = conn.execute(GET, (ids.parse_id("att", attachment_id),)).fetchone()
    if row is None:
        raise errors.NotFound(f"There is no attachment `{attachment_id}`. Check the id.")
    objects.ALL[row[1]].get(conn, viewer, row[2])  # who may not see the record, sees no file of it
    return _present(row), bytes(row[-1])


def drop(conn: Connection, viewer: Viewer, attachment_id: str) -> Attachment:
    """Delete a file for good."""
    viewer.must_write()
    found, _ = content(conn, viewer, attachment_id)
    conn.execute(DROP, (ids.parse_id("att", attachment_id),))
    return found


def download(name: str) -> dict[str, str]:
    """Headers with which a browser keeps a file and neither shows nor runs it."""
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
    }


def _present(row: Any) -> Attachment:
    return Attachment(
        id=ids.api_id("att", row[0]),
        record=ids.api_id(custom.OBJECTS[row[1]], row[2]),
        name=row[3],
        media_type=row[4],
        bytes=row[5],
        created_by=row[6],
        created_at=clock.iso(clock.from_datetime(row[7])) or "",
    )
