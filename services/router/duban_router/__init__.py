"""The router: the only writer of the ledger (台账).

Consumes ``duban.commands.v1`` and, before it starts, ``duban.packs.v1``.
Produces ``duban.problems.v1``: events with the state after them, refusals with their reason; and
``duban.anchors.v1``: heads of the ledger, read back from there.
Owns the schema ``router``: events, outcomes, problems, registers. Others read its ``published_`` views.
"""
