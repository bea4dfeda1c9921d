"""Why people are who they are: the graph around them, paths through it, their history, trials."""

from onefold.identity.graph.history import Moment, history, members_at
from onefold.identity.graph.model import Edge, Graph, Spot
from onefold.identity.graph.paths import around, grow, path, without
from onefold.identity.graph.store import spot_at
from onefold.identity.graph.trial import Trial, tried, try_out

__all__ = [
    "Edge", "Graph", "Moment", "Spot", "Trial", "around", "grow", "history", "members_at", "path",
    "spot_at", "tried", "try_out", "without",
]  # fmt: skip
