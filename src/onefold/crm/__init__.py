"""The CRM: accounts, contacts, leads, deals, tickets, tasks … and the users who work with them.

`crm.contacts.create(conn, viewer, values, now_ms)` and its like run in the caller's transaction:
they write the row with a version check and append the fact as the last statement.
"""

from onefold.crm import attachments as attachments
from onefold.crm import bulk_edits as bulk_edits
from onefold.crm import conversation as conversation
from onefold.crm import currencies as currencies
from onefold.crm import custom as custom
from onefold.crm import deal_lines as deal_lines
from onefold.crm import external as external
from onefold.crm import links as links
from onefold.crm import objects as objects
from onefold.crm import pipeline as pipeline
from onefold.crm import reports as reports
from onefold.crm import undo as undo
from onefold.crm import users as users
from onefold.crm import views as views
from onefold.crm.account import accounts as accounts
from onefold.crm.activity import activities as activities
from onefold.crm.board import board as board
from onefold.crm.bulk import *  # noqa: F403 - what the worker asks, many rows at a time
from onefold.crm.contact import contacts as contacts
from onefold.crm.deal import deals as deals
from onefold.crm.lead import leads as leads
from onefold.crm.model import *  # noqa: F403 - what records look like
from onefold.crm.product import products as products
from onefold.crm.records import append as append
from onefold.crm.subscription import subscriptions as subscriptions
from onefold.crm.task import tasks as tasks
from onefold.crm.ticket import tickets as tickets

set_risk = accounts.set_risk
create_signal_task = tasks.create_for_signal
refresh_signal_task = tasks.refresh_for_signal
close_signal_task = tasks.close_for_signal
