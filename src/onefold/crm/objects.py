"""All objects by noun. What is said of one here drives API, pages, imports and exports."""

from typing import Any

from onefold.crm.account import accounts
from onefold.crm.activity import activities
from onefold.crm.contact import contacts
from onefold.crm.deal import deals
from onefold.crm.lead import leads
from onefold.crm.product import products
from onefold.crm.records import Records
from onefold.crm.subscription import subscriptions
from onefold.crm.task import tasks
from onefold.crm.ticket import tickets

ALL: dict[str, Records[Any]] = {
    r.kind.noun: r
    for r in (
        accounts, contacts, leads, deals, products, subscriptions, activities, tickets, tasks,
    )
}  # fmt: skip
BY_PLURAL: dict[str, Records[Any]] = {r.kind.plural: r for r in ALL.values()}
