"""The CRM: accounts, contacts, tickets, tasks and the users who work with them.

`crm.contacts.create(conn, viewer, values, now_ms)` and its like run in the caller's transaction:
they write the row with a version check and append the fact as the last statement.
"""

from onefold.crm import external, undo, users
from onefold.crm.account import accounts
from onefold.crm.bulk import (
    account_keys,
    accounts_by_key,
    apply_account_traits,
    ensure_accounts,
    owner_emails,
    owners,
    see_accounts_anew,
    set_health,
    ticket_states,
    touch_accounts,
)
from onefold.crm.contact import contacts
from onefold.crm.model import Account, Contact, Item, Page, Task, Ticket, TicketState, User
from onefold.crm.records import append
from onefold.crm.task import tasks
from onefold.crm.ticket import tickets

set_risk = accounts.set_risk
create_signal_task = tasks.create_for_signal
refresh_signal_task = tasks.refresh_for_signal
close_signal_task = tasks.close_for_signal

__all__ = [
    "Account", "Contact", "Item", "Page", "Task", "Ticket", "TicketState", "User", "account_keys",
    "accounts", "accounts_by_key", "append", "apply_account_traits", "close_signal_task",
    "contacts", "create_signal_task", "ensure_accounts", "external", "owner_emails", "owners",
    "refresh_signal_task", "see_accounts_anew", "set_health", "set_risk", "tasks", "ticket_states",
    "tickets", "touch_accounts", "undo", "users",
]  # fmt: skip
