"""From what happens to Segment-spec items, as Plotline's tools would send them.

`Writer` numbers and stamps; the functions below it say what each tool puts on its calls. An
`Emission` is an item with the moment it arrives; `skew_ms` is how far the sender's clock is ahead,
for the one who sends it to put on `sentAt`.
"""

import random
from typing import Any, NamedTuple

from onefold.demo import behaviour, names
from onefold.demo.company import Account, Device, Person
from onefold.kernel import clock

SOURCES = {  # key here: name and category as the API takes them
    "website": ("Plotline website", "website"),
    "product": ("Plotline app", "product"),
    "billing": ("Billing", "billing"),
    "support": ("Help desk inbox", "support"),
    "email": ("Mail tool", "email"),
}
PAGES = (
    ("Home", "/", 5.0), ("Pricing", "/pricing", 4.0), ("Blog", "/blog/board-ready-reports", 4.0),
    ("Features", "/features/exports", 2.5), ("Customers", "/customers", 1.5),
    ("Docs", "/docs/exports/pdf", 2.0), ("Integrations", "/integrations", 1.0),
)  # fmt: skip
_PAGE_WEIGHTS = tuple(weight for _, _, weight in PAGES)
CAMPAIGNS = (
    {"source": "google", "medium": "cpc", "name": "reports_brand"},
    {"source": "linkedin", "medium": "paid", "name": "finance_leads"},
    {"source": "newsletter", "medium": "email", "name": "partner_digest"},
    {"source": "google", "medium": "organic", "name": ""},
    None,
)
REPORTS = (
    "Weekly revenue", "Inventory by site", "Margin by product", "Overdue invoices", "Cohort churn",
    "Board pack", "Cash forecast", "Orders by region", "Support load", "Pipeline by owner",
)  # fmt: skip
TOPICS = (
    ("How do I add a column to a report?", "howto"), ("Question about our invoice", "billing"),
    ("Dashboard loads slowly", "performance"), ("Single sign-on with Okta", "integrations"),
    ("Can I schedule a report for the 1st?", "howto"), ("Add seats to our plan", "billing"),
)  # fmt: skip


Item = dict[str, Any]


class Emission(NamedTuple):
    """An item, its source, when it arrives, and how far its sender's clock is ahead."""

    arrive_ms: int
    source: str
    item: dict[str, Any]
    skew_ms: int = 0


class Writer:
    """Gives each item its message id and its time; keeps some back and sends some twice."""

    def __init__(self, prefix: str, rng: random.Random, repeated: float = 0.005) -> None:
        self._prefix = prefix
        self._rng = rng
        self._repeated = repeated
        self._n = 0
        self.out: list[Emission] = []

    def put(
        self,
        source: str,
        at_ms: int,
        item: dict[str, Any],
        *,
        device: Device | None = None,
        arrive_ms: int | None = None,
    ) -> None:
        """One item that happened at `at_ms`."""
        self._n += 1
        skew_ms = device.skew_ms if device else 0
        item["messageId"] = f"{self._prefix}-{self._n:07x}"
        item["timestamp"] = clock.iso(at_ms + skew_ms)
        arrives = at_ms + 400 if arrive_ms is None else arrive_ms
        self.out.append(Emission(arrives, source, item, skew_ms))
        if self._rng.random() < self._repeated:
            again_ms = arrives + int(self._rng.expovariate(1 / 1_800_000)) + 1_000
            self.out.append(Emission(again_ms, source, item, skew_ms))

    def take(self) -> list[Emission]:
        """What was put since the last call."""
        out, self.out = self.out, []
        return out


def track(event: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A track call."""
    return {"type": "track", "event": event, "properties": properties, **more}


def by(person: Person, account: Account, device: Device | None) -> dict[str, Any]:
    """Who a product event is by: from a browser with its device, from a server without."""
    if device is None:
        return {"userId": person.user_id, "context": {"groupId": account.key}}
    return {
        "userId": person.user_id,
        "anonymousId": device.anonymous_id,
        "context": {
            "groupId": account.key, "userAgent": device.agent, "locale": account.region.locale,
        },
    }  # fmt: skip


def identify(person: Person, account: Account, device: Device) -> dict[str, Any]:
    """Who somebody is, as the product knows it."""
    traits = {
        "name": person.name, "firstName": person.first, "lastName": person.last,
        "email": person.email, "title": person.title, "role": person.role,
        "timezone": account.region.zone, "company": account.name,
    }  # fmt: skip
    return {"type": "identify", "traits": traits, **by(person, account, device)}


def group(person: Person, account: Account, device: Device) -> dict[str, Any]:
    """Which account somebody belongs to, as the product knows it."""
    traits = {
        "name": account.name, "website": f"https://{account.domain}", "domain": account.domain,
        "industry": account.industry, "country": account.region.country,
    }  # fmt: skip
    return {"type": "group", "groupId": account.key, "traits": traits,
            "userId": person.user_id, "anonymousId": device.anonymous_id}  # fmt: skip


def action(rng: random.Random, name: str, account: Account) -> dict[str, Any]:
    """The properties of something done in the product."""
    n = rng.randrange(len(REPORTS))
    report = {"report_id": f"rep_{account.index * 10 + n}", "report": REPORTS[n]}
    match name:
        case "Report Exported" | "Export Failed":
            return {"format": rng.choices(*behaviour.FORMATS)[0], **report}
        case "Dashboard Viewed" | "Dashboard Created":
            return {"dashboard_id": f"dsh_{account.index * 5 + n % 5}"}
        case "Filter Applied":
            return {"field": rng.choice(("date", "region", "product", "owner")), **report}
        case "Member Invited":
            return {"invited_role": rng.choice(("viewer", "editor"))}
        case "Integration Connected":
            return {"integration": rng.choice(("Snowflake", "Stripe", "Salesforce", "Sheets"))}
        case "Settings Updated":
            return {"section": rng.choice(("profile", "notifications", "workspace"))}
        case "Report Viewed":
            return {**report, "seconds": int(rng.expovariate(1 / 90)) + 3}
        case _:
            return report


def page(
    rng: random.Random, device: Device, *, landing: dict[str, str] | None = None
) -> dict[str, Any]:
    """A page view on the website, by device alone."""
    name, path, _ = rng.choices(PAGES, _PAGE_WEIGHTS)[0]
    context: dict[str, Any] = {"userAgent": device.agent}
    properties: dict[str, Any] = {"path": path, "url": f"https://{names.VENDOR_DOMAIN}{path}"}
    if landing is not None:
        context["campaign"] = landing
        properties["referrer"] = f"https://{landing['source']}.test/"
    return {"type": "page", "name": name, "anonymousId": device.anonymous_id,
            "properties": {"title": f"{name} · {names.VENDOR}", **properties},
            "context": context}  # fmt: skip


def by_mail(event: str, email: str, properties: dict[str, Any]) -> dict[str, Any]:
    """An event of a tool that knows people by e-mail address alone."""
    return track(event, properties, context={"traits": {"email": email}})


def of_account(event: str, account: Account, properties: dict[str, Any]) -> dict[str, Any]:
    """An event of billing, about an account and nobody in particular."""
    return track(event, properties, context={"groupId": account.key})


def subscription(account: Account, plan: str) -> dict[str, Any]:
    """What billing knows about an account."""
    price = {"trial": 0, "starter": 19, "pro": 39, "enterprise": 59}[plan]
    traits = {"plan": plan, "mrr": account.seats * price, "seats": account.seats}
    return {"type": "group", "groupId": account.key, "traits": traits}


def plan_on(account: Account, day: int) -> str:
    """The account's plan on a day."""
    return account.was if account.changed > 0 and day < account.changed else account.plan
