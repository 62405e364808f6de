"""What runs in production for people: the API for actions, and what it and the command line read.

Consumes  nothing of its own: it reads the published views of the router's ledger, and tails topics.
Produces  ``duban.commands.v1`` (actions), ``duban.reports.v1`` (imports), ``duban.packs.v1`` (packs and calendars);
          a dead letter that is replayed goes back to the topic it came from.
Owns      the schema ``console``: accounts, sessions, keys of systems, and the log of what was done with them.

    action           an action, as a person writes it, to a command message
    ledger           problems, histories and outcomes, from the ledger's published views
    chain            whether a history is still the one that was written
    ledger_audit     whether a record is what it was, and anchor_audit: whether the anchors are; both pure
    ledger_verification  the same of the whole ledger, read from end to end; spill: rows that memory does not hold
    witnesses        what it is compared with: topics, and a file that an auditor keeps
    evidence_audit   whether every file that the ledger names is in the store, as it was
    accounts         who signs in, with which units and roles; the table of who may see and do what
    sources          who may hand in reports; source_journal: what is noted of each
    listings         who stands on which list; rewards: what became of one
    inspection_draw  random draws that anybody can draw again
    assessment       bulletins and scores, as of an instant; assessment_input: the events and readings they count
    packs            packs and calendars: checked, published, counted by anew
    pack_text        a pack in sentences, and beside another one
    kafka            topics, lag and dead letters
    api              HTTP, a process of its own
"""
