"""The assistants' door: an MCP server on the same record, with the same keys and roles.

`App` answers at `/mcp` (streamable HTTP, each request on its own); `run` speaks on stdio.
"""

from onefold.mcp.serve import App, run
from onefold.mcp.tools import TOOLS

__all__ = ["TOOLS", "App", "run"]
