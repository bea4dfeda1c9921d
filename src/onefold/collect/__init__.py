"""The door that events come in by: HTTP as Segment's and RudderStack's SDKs speak it → the log.

`Collector` is a raw ASGI app. It answers 200 only when the log holds the request on disk; what is
wrong with single items is found later, by the worker, so that no item costs its neighbours. The
contract with senders is docs/reference/collection.md.
"""

from onefold.collect.asgi import Collector
from onefold.collect.routes import ROUTES, find

__all__ = ["ROUTES", "Collector", "find"]
