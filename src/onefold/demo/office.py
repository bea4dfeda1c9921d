"""What Plotline's own people have set up: audiences, owners, contacts, tickets."""

from typing import Any

from onefold.demo import names
from onefold.demo.company import Company, Person
from onefold.demo.stories import Stories

CAMPAIGN_AUDIENCE = "exports_campaign"

AUDIENCES: tuple[dict[str, Any], ...] = (
    {
        "key": CAMPAIGN_AUDIENCE,
        "name": "Exports launch campaign",
        "feature": "exports",
        "definition": {
            "of": "person",
            "where": {
                "all": [
                    {"account": {"trait": "plan", "in": ["pro", "enterprise"]}},
                    {"count": {"event": "Report Exported", "within": "60d"}, "at_least": 1},
                ]
            },
        },
    },
    {
        "key": "trial_going_cold",
        "name": "Trial going cold",
        "definition": {
            "of": "account",
            "where": {
                "all": [
                    {"trait": "plan", "is": "trial"},
                    {"count": {"event": "Report Exported", "within": "7d"}, "less_than": 3},
                    {"none": {"tickets": {"status": "open"}}},
                ]
            },
        },
    },
    {
        "key": "power_users",
        "name": "Power users",
        "definition": {
            "of": "person",
            "where": {"count": {"event": "Report Viewed", "within": "14d"}, "at_least": 20},
        },
    },
    {
        "key": "exports_in_trouble",
        "name": "Exports in trouble",
        "definition": {
            "of": "account",
            "where": {"count": {"event": "Export Failed", "within": "7d"}, "at_least": 5},
        },
    },
    {
        "key": "looking_at_pricing",
        "name": "Looking at pricing",
        "definition": {
            "of": "person",
            "where": {
                "count": {
                    "event": "Page Viewed", "where": {"path": "/pricing"}, "within": "7d",
                },
                "at_least": 2,
            },
        },
    },
)  # fmt: skip

_TICKETS: tuple[tuple[str, str, str, str, str], ...] = (
    ("Excel export never finishes", "exports", "product_issue", "high", "open"),
    ("Dashboard takes a minute to load", "dashboards", "product_issue", "medium", "open"),
    ("VAT number is missing on our invoice", "billing", "billing_issue", "low", "open"),
    ("Scheduled report came an hour late", "scheduling", "product_issue", "medium", "paused"),
    ("Please add a Gantt view", "dashboards", "feature_request", "low", "resolved"),
    ("How do we add seats?", "billing", "general_inquiry", "low", "resolved"),
)

_LINES = {
    "Excel export never finishes":
        "the Excel export of our board pack has been running since this morning.",
    "Dashboard takes a minute to load": "our main dashboard needs about a minute to open.",
    "VAT number is missing on our invoice": "please add our VAT number to the last invoice.",
    "Scheduled report came an hour late": "our Monday report arrived at nine instead of eight.",
    "Please add a Gantt view": "a Gantt view of projects would help us a lot.",
    "How do we add seats?": "how do we add three seats to our plan?",
}  # fmt: skip


def shown(stories: Stories) -> tuple[str, ...]:
    """Keys of accounts whose stories the first admin finds on Home: they own them."""
    falling = [f.account for f in stories.falling[:2]]
    return (*falling, stories.trial.account, stories.customer.account)


def users() -> list[dict[str, str]]:
    """Plotline's reps, as log-ins without their passwords."""
    return [
        {"name": name, "email": f"{local}@{names.VENDOR_DOMAIN}", "role": "member"}
        for name, local in names.REPS
    ]


def contacts(company: Company, stories: Stories) -> list[Person]:
    """Whom the reps keep in their books: the customer, and one person at each notable account."""
    notable = {stories.trial.account, *stories.failure.accounts}
    notable |= {f.account for f in stories.falling}
    people = [
        company.people[a.people[0]]
        for a in company.accounts
        if a.key in notable or a.plan == "enterprise"
    ]
    customer = next(p for p in company.people if p.user_id == stories.customer.user_id)
    return [customer, *(p for p in people if p is not customer)]


def tickets(company: Company, stories: Stories) -> list[dict[str, Any]]:
    """Tickets that are there already: one of them about exports, none of them the customer's."""
    failing = [a for a in company.accounts if a.key in stories.failure.accounts]
    quiet = {stories.trial.account, stories.customer.account, *(f.account for f in stories.falling)}
    others = [
        a for a in company.accounts if a.key not in quiet and a not in failing and len(a.people) > 2
    ]
    elsewhere = [a for a in failing if a.key != stories.customer.account]
    about = [elsewhere[0], *others]
    out = []
    for (subject, tag, category, priority, status), account in zip(_TICKETS, about, strict=False):
        person = company.people[account.people[1]]
        out.append(
            {
                "subject": subject,
                "content": f"Hello, {_LINES[subject]} Thank you. — {person.name}",
                "tags": [tag], "category": category, "priority": priority, "status": status,
                "channel": "email", "email": person.email,
            }
        )  # fmt: skip
    return out
