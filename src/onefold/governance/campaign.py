"""What brought a person here: the campaign and click ids on an event.

Found, the first place that has a name deciding, in

    context.campaign               {"source": "news", "medium": "email", "name": "spring"}
    the page's address             context.page.url, context.page.search; for a page call also
                                   properties.url, properties.search

An address says `utm_source` … `utm_id`, and the click ids of the ad networks, `gclid`, `fbclid`,
`msclkid` and their like. Costs a look at two attributes for an event that has none of it.
"""

from typing import Any
from urllib.parse import parse_qsl

from onefold.governance import item as items
from onefold.kernel import limits

Campaign = dict[str, str]

UTM = {
    "utm_source": "source", "utm_medium": "medium", "utm_campaign": "name", "utm_term": "term",
    "utm_content": "content", "utm_id": "id",
}  # fmt: skip
CLICK_IDS = frozenset(
    (
        "gclid", "gbraid", "wbraid", "dclid", "fbclid", "msclkid", "ttclid", "twclid", "li_fat_id",
        "rdt_cid", "epik", "yclid",
    )
)  # fmt: skip
_HINTS = ("utm_", "clid", "clkid", "braid", "li_fat_id", "rdt_cid", "epik")


def of(item: items.Item) -> Campaign | None:
    """The campaign on an item, by the names of `context.campaign`; None when it has none."""
    context = item.context
    if (context is None or (context.campaign is None and context.page is None)) and (
        item.type != "page"
    ):
        return None  # most events of servers
    found: Campaign = {}
    if context is not None:
        if context.campaign:
            _explicit(found, context.campaign)
        if context.page is not None:
            _address(found, context.page.url)
            _address(found, context.page.search)
    if item.type == "page" and item.properties:
        _address(found, item.properties.get("url"))
        _address(found, item.properties.get("search"))
    return found or None


def _explicit(found: Campaign, given: dict[str, Any]) -> None:
    for name, value in given.items():
        short = UTM.get(name, name)
        _put(found, "name" if short == "campaign" else short, value)


def _address(found: Campaign, url: Any) -> None:
    if not isinstance(url, str) or "=" not in url or len(url) > limits.url_chars_max:
        return  # nearly every address ends here
    if not any(hint in url for hint in _HINTS):
        return
    query = url.partition("?")[2].partition("#")[0] if "?" in url else url
    try:
        pairs = parse_qsl(query, max_num_fields=limits.campaign_query_fields_max)
    except ValueError:
        return
    for name, value in pairs:
        short = UTM.get(name) or (name if name in CLICK_IDS else None)
        if short is not None:
            _put(found, short, value)


def _put(found: Campaign, name: str, value: Any) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or name in found or len(found) >= limits.campaign_names_max:
        return
    value = value.strip()[: limits.campaign_value_chars_max]
    if value and len(name) <= limits.campaign_name_chars_max:
        found[name] = items.clean_text(value)
