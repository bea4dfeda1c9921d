"""Every call of a Segment-shaped Python SDK: calls.py MODULE HOST KEY [N more tracks [GATE]].

At half of the further calls it waits until there is a file GATE.
"""

import importlib
import logging
import sys
import time
from pathlib import Path
from typing import Any

logging.basicConfig(level=logging.WARNING)
module, host, key = sys.argv[1:4]
more = int(sys.argv[4]) if len(sys.argv) > 4 else 0
gate = Path(sys.argv[5]) if len(sys.argv) > 5 else None
failures: list[Any] = []
client = importlib.import_module(module).Client(
    key, host=host, on_error=lambda error, items: failures.append(error), max_queue_size=100_000
)
client.page("u1", "Docs", "Pricing", {"plan": "pro"})
client.identify("u1", {"email": "ann@acme.co", "plan": "pro"})
client.track("u1", "Report Exported", {"format": "pdf"})
client.screen("u1", "App", "Home", {"plan": "pro"})
client.group("u1", "acme", {"name": "Acme"})
client.alias("d1", "u1")
client.flush()
for n in range(more):
    while gate is not None and n == more // 2 and not gate.exists():
        time.sleep(0.005)
    client.track("u1", "Step", {"n": n})
client.flush()
client.join()
sys.exit(f"failed: {failures}" if failures else 0)
