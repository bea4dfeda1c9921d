"""What conditions on rows beside the entity mean: its accounts' traits and its tickets. Pure."""

from collections.abc import Callable, Iterable
from typing import Any

from onefold.audiences import values
from onefold.audiences.model import AccountTrait, Tickets, TicketState


def account_check(node: AccountTrait) -> Callable[[Iterable[Any]], bool]:
    """From the values in the person's accounts to whether the condition holds."""
    if node.tests[0].op == "set" and not node.tests[0].value:
        return lambda found: all(v is None for v in found)
    check = values.compile_tests(node.tests)
    return lambda found: any(v is not None and check(v) for v in found)


def ticket_check(node: Tickets) -> Callable[[TicketState], bool]:
    """Does a ticket count for the condition, `any` and `none` aside?"""
    paused, tag, priority, category = (
        node.status == "paused", node.tag, node.priority, node.category,
    )  # fmt: skip

    def matches(ticket: TicketState) -> bool:
        return (
            (ticket.status == "paused" if paused else ticket.status != "resolved")
            and (tag is None or tag in ticket.tags)
            and (priority is None or ticket.priority == priority)
            and (category is None or ticket.category == category)
        )

    return matches
