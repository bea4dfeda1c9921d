"""The examples of the how-to run, against requests that we really sign."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from onefold.activation import webhook
from onefold.activation.model import Job, Request
from onefold.kernel import clock, limits

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = (DOCS / "howto/marketing-webhook.md").read_text(encoding="utf-8")
REFERENCE = (DOCS / "reference/deliveries.md").read_text(encoding="utf-8")
NODE = Path(sys.executable).parent / "node"  # of the wheel among the development dependencies
MESSAGE = {"type": "audience.entered", "person": {"traits": {"name": "Ångström 李 🙂"}}}


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", HOW_TO, re.DOTALL)
    return str(found)


def signed(secret: str) -> Request:
    job = Job(7, "msg_a", "", MESSAGE, 1, 0)
    return webhook.request({"url": "https://x.test/", "secret": secret}, job, clock.now_ms())


def test_the_python_example_takes_ours_and_refuses_others() -> None:
    secret = webhook.new_secret()
    sent = signed(secret)
    scope: dict[str, Any] = {}
    exec(block("python"), scope)
    assert scope["receive"](secret, sent.headers, sent.body) == {"id": "msg_a", **MESSAGE}
    with pytest.raises(WebhookVerificationError):
        scope["receive"](webhook.new_secret(), sent.headers, sent.body)


def test_the_node_example_takes_ours_and_refuses_others() -> None:
    secret = webhook.new_secret()
    sent = signed(secret)
    call = """
    const [mine, other, headers, body] = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    let refused = 0;
    for (const [secret, text] of [[other, body], [mine, body + " "]])
      try { receive(secret, headers, text); } catch { refused += 1; }
    console.log(JSON.stringify([receive(mine, headers, body), refused]));
    """
    given = json.dumps([secret, webhook.new_secret(), sent.headers, sent.body.decode()])
    done = subprocess.run(
        [NODE, "-e", block("js") + call], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [{"id": "msg_a", **MESSAGE}, 2]


def test_the_reference_tells_the_limits_that_hold() -> None:
    for told in (
        f"at most {limits.outbox_in_flight_max} requests",
        f"after {limits.outbox_lease_s} seconds",
        f"within {limits.outbox_timeout_s} s",
        f"after {limits.outbox_attempts_max} attempts or {limits.outbox_age_max_h}",
        f"after {limits.outbox_kept_days} days",
        f"{limits.outbox_payload_bytes_max // 1000} kB",
    ):
        assert told in REFERENCE
