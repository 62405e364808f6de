"""The checker: whether an engine lost, doubled, hurried or hid anything. A program of its own.

It shares no code with the engine: it knows the rows of the tables and the JSON of the topics, and judges by them. What
it is given are *traces*: a folder of JSON-lines files, one row a line, each with the ``problem`` that it is about.

    calls       every call of a client, with its outcome: ok, fail, or unknown after a time-out
    receipts, refusals                  what intake keeps
    events, records, outcomes           the ledger
    commands, told, notices, letters, anchors    the topics; ``told`` are the events on ``duban.problems.v1``
    posts       what the receiver of notices was sent, and what it answered
    faults      what was broken on purpose, and how long it took to recover
    leaks       where a reporter's plain identity was seen while topics were read
    run.json    when it was read, what may not leak, and the limits that the pack sets

traces      reading the folder, problem by problem
rulings     the invariants on what clients were told: I1 to I3
lapses      those on deadlines: I4 to I7
history     those on the ledger: I8 to I10
fold        the state that a history leads to, for I9
topics      those on topics and notices: I11 and I12
conduct     those on the run as a whole: I13 and I14
judgement   all of them together, with the figures
collection  traces from a running system
"""
