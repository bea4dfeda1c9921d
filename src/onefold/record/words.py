"""Other tools' words for our choices: a `solved` ticket is resolved, a `normal` priority medium."""

# By noun and field, in lower case.
WORDS: dict[str, dict[str, dict[str, str]]] = {
    "ticket": {
        "status": {
            "new": "open", "in progress": "open", "waiting": "paused", "pending": "paused",
            "hold": "paused", "on hold": "paused", "on-hold": "paused", "snoozed": "paused",
            "solved": "resolved", "closed": "resolved", "done": "resolved", "complete": "resolved",
        },
        "priority": {"normal": "medium", "critical": "urgent", "highest": "urgent", "p1": "urgent",
                     "p2": "high", "p3": "medium", "p4": "low", "lowest": "low"},
        "category": {"question": "general_inquiry", "incident": "product_issue",
                     "problem": "product_issue", "bug": "product_issue", "billing": "billing_issue",
                     "feature request": "feature_request", "feature": "feature_request",
                     "task": "general_inquiry", "other": "general_inquiry"},
        "channel": {"web": "form", "api": "form", "mail": "email", "messaging": "chat",
                    "messenger": "chat", "voice": "phone", "call": "phone"},
    },
    "deal": {
        "status": {"closed won": "won", "closedwon": "won", "closed lost": "lost",
                   "closedlost": "lost", "new": "open", "in progress": "open", "active": "open"},
        "kind": {"newbusiness": "new_business", "new business": "new_business",
                 "new customer": "new_business", "new": "new_business",
                 "existingbusiness": "existing_business", "renewal": "existing_business",
                 "existing business": "existing_business", "upsell": "existing_business",
                 "existing customer - upgrade": "existing_business",
                 "existing customer - replacement": "existing_business",
                 "existing customer - downgrade": "existing_business"},
    },
    "lead": {
        "status": {
            "open": "new", "open - not contacted": "new", "not contacted": "new", "raw": "new",
            "in progress": "attempting", "in_progress": "attempting", "working": "attempting",
            "attempted to contact": "attempting", "attempted_to_contact": "attempting",
            "working - contacted": "connected", "contacted": "connected", "nurturing": "connected",
            "open deal": "qualified", "open_deal": "qualified", "closed - converted": "qualified",
            "converted": "qualified", "bad timing": "unqualified", "bad_timing": "unqualified",
            "closed - not converted": "unqualified", "not converted": "unqualified",
            "disqualified": "unqualified", "lost": "unqualified", "junk": "unqualified",
        },
    },
    "activity": {
        "kind": {"mail": "email", "e-mail": "email", "emails": "email", "incoming_email": "email",
                 "forwarded_email": "email", "outbound_email": "email", "phone": "call",
                 "phone call": "call", "calls": "call", "event": "meeting", "demo": "meeting",
                 "meetings": "meeting", "appointment": "meeting", "lunch": "meeting",
                 "notes": "note", "task": "note", "other": "note", "sms": "note",
                 "whats_app": "note", "linkedin_message": "note"},
        "direction": {"incoming": "inbound", "in": "inbound", "outgoing": "outbound",
                      "out": "outbound"},
    },
    "product": {
        "billing": {"one-time": "once", "one time": "once", "onetime": "once", "none": "once",
                    "month": "monthly", "annually": "yearly", "annual": "yearly", "year": "yearly"},
    },
    "subscription": {
        "status": {"trialing": "trial", "trialling": "trial", "in trial": "trial",
                   "unpaid": "past_due", "past due": "past_due", "overdue": "past_due",
                   "incomplete": "past_due", "on hold": "paused", "canceled": "ended",
                   "cancelled": "ended", "churned": "ended", "expired": "ended",
                   "incomplete_expired": "ended", "inactive": "ended", "non_renewing": "active"},
    },
    "task": {
        "status": {"not started": "open", "todo": "open", "to do": "open", "in progress": "open",
                   "not_started": "open", "in_progress": "open", "waiting": "open",
                   "deferred": "open", "completed": "done", "complete": "done", "closed": "done",
                   "canceled": "cancelled"},
        "priority": {"normal": "medium", "none": "medium", "urgent": "high", "highest": "high",
                     "lowest": "low"},
        "kind": {"to-do": "todo", "to do": "todo", "task": "todo", "other": "todo",
                 "follow up": "todo", "meeting": "todo", "e-mail": "email", "mail": "email",
                 "phone": "call"},
    },
}  # fmt: skip


def ours(noun: str, field: str, value: str) -> str:
    """The choice that another tool's word stands for; the word itself when we know none."""
    said = value.strip().lower()
    return WORDS.get(noun, {}).get(field, {}).get(said, said)
