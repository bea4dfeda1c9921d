"""The pages: server-rendered, keyboard first, offline.

`handlers()` goes into the HTTP process' one Litestar app, whose state carries `connections`, `gate`
and `settings`. `page_error` answers errors outside the API.
"""

from onefold.web.app import handlers, page_error

__all__ = ["handlers", "page_error"]
