"""A city's pages for the public: report, follow by a code, see what was reported and what became of it.

city         which cities have a site, and as which source it speaks
report_form  what somebody fills in, to a report or to what is wrong with it
satisfaction what a reporter says of what became of it
parts        what the routes are made from
views        a problem as the public reads it
exposures    the exposure board, as escalation publishes it
publications bulletins that were signed and are for everybody, as the console publishes them
reporter_…   what whoever reported reads by their code: where, and in which words
open_data    the same for programs: GeoJSON, CSV, RSS
app          the pages, beside the gateway's other doors
routes/      the routes
"""
