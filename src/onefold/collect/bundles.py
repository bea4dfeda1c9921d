"""The browser SDK, first-party: served from this host, from the package in the lock file.

`tools/setup.py` puts the files of `@segment/analytics-next` beside this module, in `vendor/`. They
are served in two forms:

    bundle   /o/<write key>.js: the SDK and loader.js in one file, which names itself nothing that a
             blocker knows, takes key and host from its own address, and asks no one for settings
    snippet  /analytics.js/v1/<write key>/analytics.min.js: for pages with Segment's snippet, whose
             host alone changes

No copy names another host: what the SDK would take from elsewhere, it takes from here.
"""

import gzip
import hashlib
import re
from functools import lru_cache
from pathlib import Path

import msgspec

from onefold.kernel import errors

_HERE = Path(__file__).parent
_FILES = _HERE / "vendor"
_NAME = re.compile(r"[\w.-]+\.js")
# The snippet's SDK finds its host by itself only under https.
_SNIPPET_START = (
    "!function(){var s=document.currentScript;if(s){var a=window[s.getAttribute("
    '"data-global-segment-analytics-key")||"analytics"];'
    'if(a&&!a._cdn)a._cdn=s.src.split("/analytics.js/")[0]}}();\n'
)
_CDN = '"https://cdn.segment.com"'
_PARTS = re.compile(r'(\w\.p=)\w+\+"/analytics-next/bundles/"')
_POLYFILL = re.compile(r"https://cdnjs\.cloudflare\.com/[\w./-]+")
_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)


class File(msgspec.Struct, frozen=True):
    """A script as it is sent: `body`, the same `zipped`, and its `etag`."""

    body: bytes
    zipped: bytes
    etag: bytes


@lru_cache(maxsize=1)
def bundle() -> File:
    """The SDK that loads itself."""
    sdk = _PARTS.sub(r'\1onefoldBase+"/o/"', _text("index.js").replace(_CDN, "onefoldBase"))
    before, after = (_HERE / "loader.js").read_text(encoding="utf-8").split("/* SDK */")
    licence = _text("LICENSE.MD").replace("*/", "")
    return _file(f"/*! With @segment/analytics-next:\n{licence}\n*/\n{before}\n{sdk}\n{after}")


@lru_cache(maxsize=1)
def snippet() -> File:
    """The SDK for Segment's snippet."""
    return _file(_SNIPPET_START + _text("standalone.js"))


@lru_cache(maxsize=64)
def part(name: str) -> File:
    """A file that the SDK loads when it needs it. Raises `NotFound`."""
    if not _NAME.fullmatch(name) or not (_FILES / name).is_file():
        raise errors.NotFound("The browser SDK has no such file. Load the page again.")
    return _file(_text(name))


def _text(name: str) -> str:
    try:
        text = (_FILES / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise errors.NotFound(
            "The browser SDK is not installed with this server. Run `make setup`."
        ) from None
    return _POLYFILL.sub("data:text/javascript,", _MAP.sub("", text)).strip()


def _file(text: str) -> File:
    body = text.encode()
    digest = hashlib.sha256(body).hexdigest()[:24]
    return File(body, gzip.compress(body, 9, mtime=0), f'"{digest}"'.encode())
