"""One file a page: handlers are plain functions that read rooms and fill templates."""
