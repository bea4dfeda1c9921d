"""The worker process: the engine's loop in the main thread; deliveries and signals beside it."""

import asyncio
import gc
import signal
import threading
import time

import psycopg
import structlog

from onefold import activation
from onefold.kernel import clock, limits
from onefold.kernel.settings import Settings
from onefold.worker import engine as engines
from onefold.worker import sweep

_RETRY_S = 0.5
# States and identifiers live long and make no circles; collecting often costs half of resolving.
GC_THRESHOLDS = (1_000_000, 100, 1_000)

logger = structlog.get_logger("onefold.worker")


class _Stop:
    """Set by a signal; the loop looks at it between steps."""

    def __init__(self) -> None:
        self.event = threading.Event()
        signal.signal(signal.SIGTERM, self._set)
        signal.signal(signal.SIGINT, self._set)

    def _set(self, *_: object) -> None:
        self.event.set()


def run(database_url: str, settings: Settings) -> None:
    """Work until SIGTERM. Survives the database going away and coming back."""
    stop = _Stop().event
    gc.set_threshold(*GC_THRESHOLDS)
    deliveries = threading.Thread(
        target=_deliver, args=(database_url, settings, stop), name="deliveries", daemon=True
    )
    deliveries.start()
    usage_changed = threading.Event()
    sweeper = sweep.Sweeper(database_url, usage_changed)
    signals = threading.Thread(target=sweeper.run, args=(stop,), name="signals", daemon=True)
    signals.start()
    engine: engines.Engine | None = None
    while not stop.is_set():
        try:
            conn = engines.connect(database_url)
            if engine is None:
                engine = engines.Engine(conn, clock.now_ms(), usage_changed)
            else:
                engine.recover(conn, clock.now_ms())
            logger.info("worker ready", seq=engine.ingest.seq)
            _loop(engine, stop)
        except psycopg.OperationalError as error:
            logger.warning("database away, trying again", error=str(error).strip())
            stop.wait(_RETRY_S)
    signals.join(timeout=limits.outbox_timeout_s)
    deliveries.join(timeout=limits.outbox_timeout_s + 2)


def _loop(engine: engines.Engine, stop: threading.Event) -> None:
    with engine.conn:
        while not stop.is_set():
            try:
                worked = engine.step(clock.now_ms())
            except psycopg.OperationalError:
                raise
            except Exception:  # one bad step must not end the worker: back to what is committed
                logger.exception("step failed, memory rebuilt")
                engine.conn.rollback()
                engine.recover(engine.conn, clock.now_ms())
                worked = not stop.wait(_RETRY_S)
            if not worked:
                time.sleep(limits.idle_poll_ms / 1000)


def _deliver(database_url: str, settings: Settings, stop: threading.Event) -> None:
    async def main() -> None:
        stopped = asyncio.Event()
        task = asyncio.create_task(
            activation.Deliverer(database_url, settings).run(stopped), name="deliverer"
        )
        await asyncio.to_thread(stop.wait)
        stopped.set()
        await task

    asyncio.run(main())
