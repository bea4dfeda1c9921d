"""The pages: server-rendered, keyboard first, offline.

`handlers()` goes into the HTTP process' one Litestar app, whose state carries `connections`, `gate`
and `settings`. `page_error` answers errors outside the API; `end_streams`
before the server stops lets go of who is watching.
"""

from onefold.web.app import end_streams, handlers, page_error

__all__ = ["end_streams", "handlers", "page_error"]
