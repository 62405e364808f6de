"""The API for actions: commands in, outcomes and histories out, over HTTP on this machine.

Every route asks who comes: the token of a session or the key of a system, as ``Authorization: Bearer``. Who may what is
one table, ``duban_console.accounts.access``. The server listens on the loopback interface only.

    POST /v1/problems/{id}/actions    an action; 202 once the broker has it, the outcome with ``?wait=SECONDS``
    GET  /v1/commands/{source}/{id}   what came of a command (``source`` may be left out for this API's own)
    GET  /v1/records?name=NUMBER      records of whatever kind by their number or id
    GET  /v1/problems                 problems in the order of their registration, page by page
    GET  /v1/problems/{id}            a problem as it stands
    GET  /v1/problems/{id}/history    every event with its reason, the chain of hashes recomputed
    GET  /v1/problems/{id}/unanswered the reports that wait for a reply
    GET  /v1/listings?of=NAME         whether somebody stands on a list, and why
    POST /v1/listings                 an entry on a list, by its keeper, with evidence; answered like an action
    GET  /v1/problems/{id}/reports    the reports of a problem as they came, with what is sealed of them opened
    POST /v1/reports/export           all that is kept of a report, by the code of its receipt alone
    POST /v1/rewards/lookup           what became of the reward for a report, by the code of the report alone
    /v1/evidence/uploads              files of units, by the tus protocol
    GET  /v1/evidence/{sha256}        how a file stands; ``/published`` what may be shown of it, ``/original`` itself
"""
