"""The API door: everything under `/api`, described at `/api/openapi.json`.

`build_app` makes the one Litestar app of the HTTP process; the pages come in as `extra`.
"""

from onefold.api.app import App, build_app, end_streams, openapi, openapi_paths, router, routes

__all__ = ["App", "build_app", "end_streams", "openapi", "openapi_paths", "router", "routes"]
