"""Signals: interpreted changes worth acting on."""

from typing import Any

HANDLERS: list[Any] = []
