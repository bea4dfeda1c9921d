"""What the collector counts, for /metrics."""

from prometheus_client import Counter, Gauge, Histogram

_requests = Counter("onefold_collect_requests_total", "Requests answered, by status.", ["status"])
_by_status: dict[int, Counter] = {}

items = Counter("onefold_collect_items_total", "Items that the log holds.")
body_bytes = Counter("onefold_collect_bytes_total", "Bytes of bodies received, as sent.")
wrapped = Counter(
    "onefold_collect_unparsable_items_total", "Items stored wrapped: JSON readers refuse them."
)
webhooks = Counter(
    "onefold_collect_webhooks_total", "Webhook deliveries, by what became of them.", ["outcome"]
)
commit_seconds = Histogram(
    "onefold_collect_commit_seconds",
    "Time from taking a group of requests to its commit.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
queue_bytes = Gauge(
    "onefold_collect_queue_bytes", "Bytes waiting for the log.", multiprocess_mode="livesum"
)


def answered(status: int) -> None:
    """Count an answer. The labelled counter is looked up once a status."""
    counter = _by_status.get(status)
    if counter is None:
        counter = _by_status[status] = _requests.labels(str(status))
    counter.inc()
