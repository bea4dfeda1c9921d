"""The lake in S3, against moto's server: Amazon's own cannot be reached from a test."""

from pathlib import Path

import pyarrow.fs as pafs
import pytest
from moto.server import ThreadedMotoServer

from onefold.kernel import clock, limits, settings
from onefold.kernel.viewer import SYSTEM
from onefold.record import history
from onefold.storage import Connection
from tests.worker.harness import Bench, track

pytestmark = pytest.mark.slow


def test_history_in_s3(
    conn: Connection, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "NO_PROXY": host, "no_proxy": host,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    system = pafs.S3FileSystem(
        endpoint_override=f"{host}:{port}",
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
    )
    try:
        system.create_dir("history-bucket")
        bench = Bench(conn)
        chosen = settings.load(data=tmp_path, lake="s3://history-bucket/prefix")
        with history.open_lake(database, chosen) as one:
            for _ in range(3):
                bench.send(*(track(f"u{n}", "Seen") for n in range(50)))
                bench.settle()
                assert history.append(conn, one, lambda: None) == 50
            history.extract(conn, one, clock.now_ms())
            later = clock.now_ms() + (limits.lake_snapshots_kept_h + 1) * clock.HOUR_MS
            history.keep(conn, one, later, lambda: None)
            bench.send(track("u1", "Seen"))
            bench.settle()
            with history.opened(conn, SYSTEM, one) as duck:
                found = duck.execute(
                    "SELECT count(*), count(DISTINCT person_id) FROM facts f "
                    "JOIN identifiers i ON i.identifier_id = f.home_id"
                ).fetchall()
            assert found == [(151, 50)]
            (file,) = one.files(one.table("facts"))
            assert file.file_path.startswith("s3://history-bucket/prefix/")
        stored = system.get_file_info(pafs.FileSelector("history-bucket", recursive=True))
        parquet = [f for f in stored if "/facts/" in f.path and f.path.endswith(".parquet")]
        assert len(parquet) == 1, "files of before are swept"
    finally:
        server.stop()
