"""docs/reference/collection.md says what is there."""

from pathlib import Path

import pytest

from onefold.collect import routes
from onefold.kernel import limits

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "collection.md").read_text()


@pytest.mark.parametrize(
    "path",
    [
        *routes.PATHS, *routes.READ_PATHS, *routes.SETTINGS_PATHS, *routes.BUNDLE_PATHS,
        *routes.WEBHOOK_PATHS, *routes.MICRO_PATHS,
    ],
)  # fmt: skip
def test_every_route_is_documented(path: str) -> None:
    assert f"`{path}`" in TEXT


@pytest.mark.parametrize(
    "name",
    [
        "request_bytes_max", "request_items_max", "request_read_s_max", "request_members_max",
        "event_bytes_max", "event_traits_max", "shared_value_bytes_max", "envelope_depth_safe",
        "collect_queue_bytes_max", "collect_wait_s_max", "collect_retry_after_s",
        "write_key_cached_s", "write_key_unknown_cached_s", "pace_burst_s", "pixel_depth_max",
    ],
)  # fmt: skip
def test_every_limit_of_the_door_is_documented_with_its_number(name: str) -> None:
    assert f"| `{name}` | {getattr(limits, name):,} |" in TEXT


@pytest.mark.parametrize(
    "name", ["requests_total", "items_total", "bytes_total", "unparsable_items_total",
             "webhooks_total", "commit_seconds", "queue_bytes"]
)  # fmt: skip
def test_every_metric_is_documented(name: str) -> None:
    assert f"`onefold_collect_{name}`" in TEXT
