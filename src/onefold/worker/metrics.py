"""What the worker measures; served at /metrics by way of the multi-process directory."""

from prometheus_client import Counter, Gauge, Histogram

events = Counter("onefold_worker_events_total", "Facts folded")
refused = Counter("onefold_worker_refused_total", "Items refused")
concluded = Counter("onefold_worker_concluded_total", "People and accounts concluded")
states_hit = Counter("onefold_worker_states_hit_total", "Fragment states found in memory")
states_missed = Counter("onefold_worker_states_missed_total", "Fragment states read from tables")
lag_seconds = Gauge(
    "onefold_worker_lag_seconds",
    "From receipt to commit of the newest batch",
    multiprocess_mode="mostrecent",
)
batch_seconds = Histogram("onefold_worker_batch_seconds", "One micro-batch")
conclude_seconds = Histogram("onefold_worker_conclude_seconds", "One chunk of conclusions")
signals_seconds = Histogram("onefold_worker_signals_seconds", "One evaluation of all signals")
