"""The supervisor, with the real PostgreSQL: starting, other processes, patience.

Nothing here needs ONEFOLD_DATABASE_URL.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from onefold import storage
from onefold.kernel import limits
from onefold.storage import postmaster
from onefold.storage.errors import ClusterBusy, ClusterFailed
from tests.storage.clusters import kept, kill, put, supervise, until

# ── a life ───────────────────────────────────────────────────────────────────────────────────────


def test_data_is_there_after_stop_and_start(folder: Path) -> None:
    cluster = storage.Cluster(folder / "data")
    assert not cluster.is_running()
    assert cluster.pid is None
    put(cluster.start(), 1)
    assert cluster.is_running()
    first = cluster.pid
    assert cluster.start() == cluster.url, "a second start changes nothing"
    assert cluster.pid == first
    cluster.stop()
    assert not cluster.is_running()
    assert first is not None
    assert not psutil.pid_exists(first)
    assert storage.running_url(folder / "data") is None
    with storage.Cluster(folder / "data") as again:
        assert kept(again.url) == [1]
    cluster.stop()


def test_a_killed_server_recovers_what_was_committed(folder: Path) -> None:
    with storage.Cluster(folder / "data") as cluster:
        put(cluster.url, 1)
        with psycopg.connect(cluster.url) as busy:  # a helper that outlives its postmaster a while
            busy.pgconn.send_query(b"DO 'BEGIN LOOP END LOOP; END'")
            assert cluster.pid is not None
            os.kill(cluster.pid, signal.SIGKILL)
            until(lambda: not cluster.is_running())
            cluster.start()
            assert kept(cluster.url) == [1]
            put(cluster.url, 2)
            busy.close()
        assert kept(cluster.url) == [1, 2]


def test_a_moved_data_folder_keeps_its_database(folder: Path) -> None:
    with storage.Cluster(folder / "data") as cluster:
        put(cluster.url, 1)
    (folder / "data").rename(folder / "moved")
    with storage.Cluster(folder / "moved") as cluster:
        assert kept(cluster.url) == [1]


def test_a_copy_of_a_running_folder_is_a_cluster_of_its_own(folder: Path) -> None:
    with storage.Cluster(folder / "data") as cluster:
        put(cluster.url, 1)
    with storage.Cluster(folder / "data") as cluster:
        running = cluster.pid
        shutil.copytree(
            folder / "data", folder / "copy", ignore=shutil.ignore_patterns(".s.PGSQL*")
        )
        subprocess.run(
            ["chown", "-R", f"--reference={cluster.home / 'pgdata'}", folder / "copy/postgres"],
            check=True,
        )
        with storage.Cluster(folder / "copy") as copy:
            assert copy.pid != running
            put(copy.url, 2)
            assert kept(copy.url) == [1, 2]
        assert kept(cluster.url) == [1]
        assert cluster.pid == running


# ── other processes ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", [(), ("fork",)])
def test_a_server_whose_supervisor_was_killed_is_taken_over(
    folder: Path, words: tuple[str, ...]
) -> None:
    data = folder / "data"
    supervisor, pid, child = supervise(data, *words)
    try:
        kill(supervisor)
        url = storage.running_url(data)
        assert url is not None
        put(url, 1)
        with storage.Cluster(data) as cluster:
            assert cluster.pid == pid
            assert kept(cluster.url) == [1]
        until(lambda: not psutil.pid_exists(pid))
    finally:
        if child:
            os.kill(child, signal.SIGKILL)


def test_a_second_supervisor_is_told_who_holds_the_folder(folder: Path) -> None:
    data = folder / "data"
    supervisor, pid, _ = supervise(data)
    with pytest.raises(ClusterBusy, match=f"process {supervisor.pid}.*--data"):
        storage.Cluster(data).start()
    assert psutil.pid_exists(pid), "the refused one stopped nothing"
    kill(supervisor)
    with storage.Cluster(data), pytest.raises(ClusterBusy, match=f"process {os.getpid()}"):
        storage.Cluster(data).start()


@pytest.mark.parametrize("gone", [False, True])
def test_a_stale_pid_file_with_a_recycled_pid_is_no_server(folder: Path, gone: bool) -> None:
    data = folder / "data"
    cluster = storage.Cluster(data)
    put(cluster.start(), 1)
    account = cluster._laid_out().account
    pidfile = cluster.home / "pgdata" / postmaster.PID_FILE
    lines = pidfile.read_text().split("\n")
    assert cluster.pid is not None
    os.kill(cluster.pid, signal.SIGKILL)
    until(lambda: not cluster.is_running())
    cluster.stop()
    # A process of the same user now has that number: PostgreSQL alone would refuse to start.
    other = subprocess.Popen(["sleep", "600"], **account.popen())
    pidfile.write_text("\n".join([str(other.pid), *lines[1:]]))
    socket_lock = cluster.home / "socket" / ".s.PGSQL.5432.lock"
    socket_lock.write_text("\n".join([str(other.pid), *lines[1:]]))
    if gone:
        other.kill()
        other.wait()
    try:
        assert storage.running_url(data) is None
        with storage.Cluster(data) as again:
            assert kept(again.url) == [1]
        assert gone or other.poll() is None, "the stranger was left alone"
    finally:
        other.kill()
        other.wait()


def test_killed_clients_leave_the_server_and_release_their_locks(folder: Path) -> None:
    with storage.Cluster(folder / "data") as cluster:
        put(cluster.url, 1)
        script = (
            "import psycopg, sys, time; c = psycopg.connect(sys.argv[1]);"
            "c.execute('LOCK TABLE kept'); print('locked', flush=True); time.sleep(600)"
        )
        client = subprocess.Popen(
            [sys.executable, "-c", script, cluster.url], stdout=subprocess.PIPE, text=True
        )
        assert client.stdout is not None
        assert client.stdout.readline() == "locked\n"
        client.stdout.close()
        before = cluster.pid
        kill(client)
        put(cluster.url, 2)
        assert kept(cluster.url) == [1, 2]
        assert cluster.pid == before


def test_a_killed_backend_costs_a_recovery_not_the_server(folder: Path) -> None:
    with storage.Cluster(folder / "data") as cluster:
        put(cluster.url, 1)
        with psycopg.connect(cluster.url) as conn:
            os.kill(conn.info.backend_pid, signal.SIGKILL)
            with pytest.raises(psycopg.OperationalError):
                conn.execute("SELECT 1")
        until(lambda: storage.running_url(folder / "data") is not None)
        assert cluster.is_running()
        assert kept(cluster.url) == [1]


# ── patience ─────────────────────────────────────────────────────────────────────────────────────


def test_a_passed_deadline_leaves_the_server_starting(folder: Path) -> None:
    cluster = storage.Cluster(folder / "data")
    put(cluster.start(), 1)
    cluster.stop()
    with pytest.raises(ClusterFailed, match="did not answer within 0 s"):
        cluster.start(deadline_s=0)
    layout = cluster._laid_out()
    until(lambda: postmaster.find(layout.name, layout.pgdata) is not None)
    found = postmaster.find(layout.name, layout.pgdata)
    cluster.start()
    assert found is not None
    assert cluster.pid == found.pid
    assert kept(cluster.url) == [1]
    cluster.stop()


def test_a_server_that_does_nothing_is_given_up_with_its_process_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor, pid, _ = supervise(folder / "data")
    kill(supervisor)
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(limits, "postgres_stall_s", 0.5)
    monkeypatch.setattr(limits, "postgres_connect_s", 2)
    with pytest.raises(ClusterFailed, match=f"process {pid}.*has done nothing"):
        storage.Cluster(folder / "data").start()
    os.kill(pid, signal.SIGCONT)
    with storage.Cluster(folder / "data") as cluster:
        assert cluster.pid == pid


def test_a_server_that_is_on_its_way_down_is_started_again(folder: Path) -> None:
    supervisor, pid, _ = supervise(folder / "data")
    url = storage.running_url(folder / "data")
    assert url is not None
    with psycopg.connect(url):
        kill(supervisor)
        os.kill(pid, signal.SIGTERM)  # waits for its clients, answers nobody new
        until(lambda: storage.running_url(folder / "data") is None)
        waiting = storage.Cluster(folder / "data")
        with pytest.raises(ClusterFailed, match="did not answer"):
            waiting.start(deadline_s=0)
    with storage.Cluster(folder / "data") as cluster:
        assert cluster.pid != pid
