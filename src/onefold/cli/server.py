"""Running a server from the command line: signals, ports, and the demo."""

import asyncio
import contextlib
import signal
import socket
import sys
import threading
from pathlib import Path

import aiohttp

from onefold import storage
from onefold.app import logs
from onefold.app.supervisor import Supervisor
from onefold.cli import database
from onefold.kernel import clock, settings
from onefold.kernel.viewer import SYSTEM

_DEMO_PASSWORD = "onefold-demo"  # noqa: S105 printed on purpose: the demo listens on loopback
_READY_S = 60


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set; a second SIGINT ends at once."""
    stop = threading.Event()

    def handle(number: int, _: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            sys.exit(130)
        stop.set()

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
    return stop


def free_port(host: str, first: int) -> int:
    """The first port from `first` on that nobody listens on."""
    for port in range(first, first + 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return port
    raise SystemExit(f"onefold: no free port from {first} to {first + 99}")


def demo(*, data: Path, port: int, host: str, seed: int, scale: float, webhook: str | None) -> None:
    """Serve, load the simulated company through the public interface, keep it alive."""
    chosen = settings.load(data=data, port=free_port(host, port), host=host)
    data.mkdir(parents=True, exist_ok=True)
    logs.configure(settings.load(log_level="warning"), "supervisor")
    stop = stop_on_signals()
    _say("Starting PostgreSQL, the collector, the worker and the pages …")
    supervisor = Supervisor(
        settings.load(data=data, port=chosen.port, host=host, log_level="warning")
    )
    url = supervisor.start()
    database.note_url(chosen, url)
    watch = threading.Thread(target=supervisor.run, args=(stop,), name="supervisor")
    watch.start()
    try:
        asyncio.run(_demo(chosen, url, stop, seed=seed, scale=scale, webhook=webhook))
    finally:
        stop.set()
        _say("Stopping …")
        watch.join()


async def _demo(
    chosen: settings.Settings,
    url: str,
    stop: threading.Event,
    *,
    seed: int,
    scale: float,
    webhook: str | None,
) -> None:
    from onefold.demo import loader

    base = f"http://{chosen.host}:{chosen.port}"
    await _ready(base, stop)
    if stop.is_set():
        return
    database.first_admin(url, _DEMO_PASSWORD)
    stopped = asyncio.Event()
    watcher = asyncio.create_task(_relay(stop, stopped))
    await loader.run(
        base,
        _demo_key(chosen.data, url),
        chosen.data,
        seed=seed,
        scale=scale,
        now_ms=clock.now_ms(),
        stop=stopped,
        webhook=webhook,
        loaded=lambda: _say(
            f"\n  Onefold is at  {base}\n"
            f"  Log in with    {database.FIRST_ADMIN}  password  {_DEMO_PASSWORD}\n"
            "  A live stream of events keeps running. Ctrl-C stops everything.\n"
        ),
    )
    stop.set()
    await watcher


def _demo_key(data: Path, url: str) -> str:
    """The loader's API key, made once and kept in the demo's folder (mode 0600)."""
    from onefold.record import access

    file = data / "run" / "demo.key"
    if file.exists():
        return file.read_text(encoding="utf-8").strip()
    file.parent.mkdir(parents=True, exist_ok=True)
    with storage.connect(url, application="onefold-cli") as conn:
        _, key = access.create_key(conn, SYSTEM, "Demo loader", "admin")
        conn.commit()
    file.touch(mode=0o600)
    file.write_text(key, encoding="utf-8")
    return key


async def _ready(base: str, stop: threading.Event) -> None:
    deadline = clock.now_ms() + _READY_S * 1000
    async with aiohttp.ClientSession() as session:
        while not stop.is_set():
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{base}/ready") as answer:
                    if answer.status == 200:
                        return
            if clock.now_ms() > deadline:
                raise SystemExit(f"onefold: the server did not come up within {_READY_S} s")
            await asyncio.sleep(0.1)


async def _relay(stop: threading.Event, stopped: asyncio.Event) -> None:
    await asyncio.to_thread(stop.wait)
    stopped.set()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
