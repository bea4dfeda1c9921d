"""The HTTP process: how it ends."""

import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path

from bench.server import Server, free_port, wait_ready
from onefold import crm, record, storage
from onefold.kernel import clock
from onefold.kernel.viewer import SYSTEM

WAIT_S = 60


def _signed_in(database: str) -> str:
    """A session's cookie."""
    with storage.connect(database) as conn:
        crm.users.create(conn, SYSTEM, "eve@us.co", "Eve", "member", "long enough", clock.now_ms())
        session = record.log_in(
            conn, "eve@us.co", "long enough", clock.now_ms(), throttle=record.Throttle()
        )
        conn.commit()
    return f"{record.SESSION_COOKIE}={session.token}"


def test_an_open_event_stream_does_not_hold_the_server(database: str, tmp_path: Path) -> None:
    port = free_port()
    env = {
        **os.environ,
        "ONEFOLD_DATABASE_URL": database,
        "ONEFOLD_DATA": str(tmp_path),
        "ONEFOLD_PORT": str(port),
        "ONEFOLD_LOG_LEVEL": "warning",
    }
    with (tmp_path / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "onefold.app.process", "http"], stdout=log, stderr=log, env=env
        )
    try:
        wait_ready(Server(tmp_path, port, process))
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
        for path in ("/health", "/health/", "/ready/"):  # whatever a balancer has been given
            client.request("GET", path)
            answer = client.getresponse()
            assert (answer.status, b'"ok"' in answer.read()) == (200, True), path
        client.request("GET", "/live", headers={"Cookie": _signed_in(database)})
        answer = client.getresponse()
        assert answer.status == 200
        assert answer.getheader("Content-Type", "").startswith("text/event-stream")
        assert answer.readline()  # it streams
        process.send_signal(signal.SIGTERM)
        answer.read()  # to its end
        client.close()
        assert process.wait(WAIT_S) == 0
    finally:
        process.kill()
        process.wait()
