"""How far a demo has come: a small file in its data folder, so that a second start goes on.

The same seed, scale and moment make the same events with the same message ids, so a day that was
loaded half is simply sent again: the server drops what it has.
"""

from pathlib import Path

import msgspec

FILE = "demo.json"


class State(msgspec.Struct):
    """Written after each step. `days` are loaded, `sent` counts their items by source."""

    seed: int
    scale: float
    now_ms: int
    days: int = 0
    sent: dict[str, int] = {}
    tickets: int = 0
    loaded: bool = False


def read(data: Path, seed: int, scale: float, now_ms: int) -> State:
    """The state in the folder, whatever was asked for now; a new one when there is none."""
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=State)
    except FileNotFoundError:
        return State(seed, scale, now_ms)


def write(data: Path, state: State) -> None:
    """Replace the file as a whole, so that a crash leaves the old one or the new one."""
    data.mkdir(parents=True, exist_ok=True)
    new = data / f"{FILE}.new"
    new.write_bytes(msgspec.json.encode(state))
    new.replace(data / FILE)
