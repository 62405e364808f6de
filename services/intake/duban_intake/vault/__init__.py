"""The vault: who reported, sealed beside the report, opened only by two custodians together, each step in a log.

A contact comes with a report to the gateway and goes no further: to no topic, log line, error or dead letter. What
custodians do has a server of its own, ``python -m duban_intake.vault``, at an address that no reporter needs.

    contact   what a reporter may leave, strict
    seal      a data key per report, wrapped by a master key; the claim code; pure but for its random bytes
    custody   who may do what after what: ask, approve, refuse, open, forget; pure
    chain     the log as a chain of hashes, and where it breaks; pure
    desk      what goes in and what comes out, over a store
    app       the routes for custodians; answers: what is refused, as an answer
    store     PostgreSQL; memory: the same in dictionaries

A custodian is a person who is appointed so and signed in at the API, which the server asks who comes: it keeps no
accounts, and nobody is believed.
"""
