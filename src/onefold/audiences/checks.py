"""What conditions on what is beside the entity mean: accounts, tickets, owners, touches. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from onefold.audiences import model, values, windows
from onefold.audiences.model import AccountTrait, Deal, Owner, Related, Tickets, TicketState, Touch


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


def owner_check(node: Owner) -> Callable[[Sequence[str]], bool]:
    """From the owners' e-mails to whether the condition holds; nobody passes like a missing one."""
    check = values.compile_tests(node.tests)
    return lambda found: any(map(check, found)) if found else check(None)


def touch_check(node: Touch) -> Callable[[Mapping[str, str]], bool]:
    """From what a campaign said to whether the condition holds."""
    return model.matcher(node.where)


def deal_check(node: Deal) -> Callable[[Mapping[str, Any]], bool]:
    """From what is known of a deal to whether it passes."""
    return model.matcher(node.where)


def related_check(node: Related) -> Callable[[int, int], bool]:
    """From for how many of how many a condition holds to whether that is enough.

    `all` of nobody holds; a share of nobody passes nothing.
    """
    match node.how:
        case "any":
            return lambda n, _: n > 0
        case "none":
            return lambda n, _: n == 0
        case "all":
            return lambda n, total: n == total
        case "count":
            low, high = windows.limits_of(node.tests)
            return lambda n, _: low <= n and (high is None or n <= high)
    check = values.compile_tests(node.tests)
    return lambda n, total: total > 0 and check(n / total)
