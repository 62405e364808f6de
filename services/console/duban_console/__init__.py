"""How people and systems act on problems and look after the engine: the ``duban`` command and the API for actions.

Consumes  nothing of its own: it reads the published views of the router's ledger, and tails topics.
Produces  ``duban.commands.v1`` (actions), ``duban.reports.v1`` (imports), ``duban.packs.v1`` (packs and calendars);
          a dead letter that is replayed goes back to the topic it came from.
Owns      no state.

    acting    an action, as a person writes it, to a command message
    reading   problems, histories and outcomes, from the ledger's published views
    chain     whether a history is still the one that was written
    running   the whole engine on one machine, for ``duban up``, the demo and the tests
    api       HTTP, a process of its own
    cli       the ``duban`` command
"""
