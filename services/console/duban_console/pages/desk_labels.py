"""What pages of the desk call what waits, stakes, orders and views, in English; catalogues have it in Chinese. Pure."""

from __future__ import annotations

from typing import Final

from duban.pages.words import msgid
from duban_console.desk.reader import Order, Stake, Wait

#: What waits for a person.
WAITS: Final = {
    Wait.UNROUTED: msgid("No line takes it: name the unit"),
    Wait.HANDED_BACK: msgid("Handed back: name another unit"),
    Wait.EXTENSION: msgid("More time was asked for"),
    Wait.PLAN: msgid("A changed plan is to be decided"),
    Wait.MEASURE: msgid("A measure waits for approval"),
    Wait.JUSTIFICATION: msgid("A reason for being late is to be decided"),
    Wait.APPEAL: msgid("An appeal is to be decided"),
    Wait.VERIFICATION: msgid("Completed work is to be verified"),
    Wait.CHECK: msgid("A check is to be signed"),
    Wait.STRIKE_OFF: msgid("Ready to be struck off"),
    Wait.LOOK_BACK: msgid("To be looked back at"),
    Wait.REWARD: msgid("The amount of a reward is to be fixed"),
}
#: What a record is to a unit.
STAKES: Final = {
    Stake.LEAD: msgid("ours to handle"),
    Stake.CO: msgid("our part"),
    Stake.DUTY: msgid("our duty"),
    Stake.OWED: msgid("owed by us"),
    Stake.SPONSOR: msgid("sponsored by us"),
    Stake.PAIR: msgid("paired with us"),
}
#: The orders of the ledger.
ORDERS: Final = {Order.DUE: msgid("what is due soonest"), Order.NUMBER: msgid("the newest number")}
#: Views that everybody has: what they are called, and what they ask for.
VIEWS: Final = (
    (msgid("All open"), "closed=no"),
    (msgid("Past their limit"), "lamp=red"),
    (msgid("Soon due"), "lamp=yellow"),
    (msgid("Waiting for a unit"), "status=registered"),
    (msgid("Waiting for verification"), "status=verifying"),
    (msgid("Closed"), "closed=yes&order=number"),
)
#: The columns of the ledger as it is taken along.
COLUMNS: Final = (
    ("number", msgid("Number")), ("title", msgid("Title")), ("category", msgid("Category")),
    ("area", msgid("Area")), ("channel", msgid("Channel")), ("enterprise", msgid("Enterprise")),
    ("unit", msgid("Lead unit")), ("co_units", msgid("Co-units")), ("sponsor", msgid("Leader")),
    ("status", msgid("Status")), ("lamp", msgid("Lamp")), ("obligation", msgid("What is owed")),
    ("owner", msgid("Owed by")), ("due_at", msgid("Limit")), ("lapses", msgid("Lapses")),
    ("reports", msgid("Reports")), ("begun_at", msgid("Registered")), ("closed_at", msgid("Closed")),
)  # fmt: skip
