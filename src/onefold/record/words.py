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
