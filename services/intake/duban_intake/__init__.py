"""Intake: takes reports from every channel, gives each a receipt, and turns it into a command.

consumes  ``duban.reports.v1``   reports (线索), one receipt each, whatever happens to them
          ``duban.sources.v1``   who may hand in reports, and who keeps whom going
          ``duban.problems.v1``  problems that turned: where a report may be attached; commands refused
produces  ``duban.commands.v1``  Register for a new problem, Attach for a near-duplicate, Open for a silent source
          ``duban.reports.v1``   the gateway, a process of its own, puts there what comes over HTTP
          ``duban.anchors.v1``   heads of the vault's log
owns      the schema ``intake``: receipts, refusals, the places of open problems; the vault of who reported

    domain     whether a report is admitted, what becomes of it, which command follows; pure
    nearness   when two reports are one problem: distance, and the grid that finds neighbours; pure
    handlers   a batch of reports, a batch of answers of the router
    store      PostgreSQL; memory: the same in dictionaries
    retention  what is forgotten after its time, and what is kept for ever
    channels   from what a source sends to reports, a module a channel; pure
    sources    who may hand in reports, and for how long it may be silent; source_feed, source_journal and source_watch:
               how a process follows that, what is noted of each, and what their silence opens
    gateway    reports over HTTP, accepted once the broker has them
    vault      who reported, sealed apart from the report, opened by two custodians together, at a server of its own
    body       what is wrong with the body of a request, on either server; pure
"""
