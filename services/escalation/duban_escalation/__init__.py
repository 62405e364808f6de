"""Escalation: keeps the clock of every problem, fires what lapses, tells who must be told.

    consumes   duban.problems.v1   events with the state after them, and refusals of its own commands
               duban.clock.v1      ticks, where the clock is driven
               duban.notices.v1    what it must deliver; in a group of its own, duban-deliverer
    produces   duban.commands.v1   Escalate, when a deadline falls due
               duban.notices.v1    one notice per recipient of a reminder or a measure
               a signed webhook, or the log, for each notice
    owns       the schema ``escalation``: deadlines, heads, measures taken, deliveries

    domain      what a due deadline says, what a measure does, what a notice says      (pure)
    handlers    batches of events and ticks to records
    unanswered  what was sent and is not answered yet, so that it is sent once, and again if it is lost   (pure)
    sweep       the clock's hand: reads what falls due and sends it
    store       the deadlines in PostgreSQL; ``memory`` holds the same in dictionaries
    notices/    the deliverer: webhook, log, file

Firing writes nothing. A deadline leaves the table when the router's answer comes back with the next state, so a crash
at any point leaves it armed, and it fires again under the same command id, which the router answers once.
"""
