"""The gateway: reports over HTTP, answered once the broker has them. ``python -m duban_intake.gateway`` runs it.

consumes  HTTP: plain JSON, CloudEvents in binary and in structured mode, forms, files by tus; ticks of a driven clock
          ``duban.sources.v1``: who may hand in reports, and with which key
          ``duban.packs.v1``: what may be reported
produces  ``duban.reports.v1``
reads     the receipts of intake, for those who ask what became of a report
          ``published_requests`` of the router: what everybody may read of a problem
owns      who reported, as far as it goes into the vault; it never comes out here

    door       who speaks, how much of it is taken, and what goes to the broker: the contact goes into the vault first
    request    from the bytes of a request to the report and its contact, or to a fault that names the field
    batcher    requests that arrive together reach the broker together
    evidence   reports that come with their files
    erasure    a reporter asks by code to have a report erased
    app        the routes; pagerduty and open311 those of other protocols
    published_views   rows of what other services publish for everybody, or that it is not there yet
"""
