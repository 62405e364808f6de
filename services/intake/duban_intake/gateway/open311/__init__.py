"""The public face of a city: Open311's GeoReport, version 2, https://wiki.open311.org/GeoReport_v2.

What is posted goes through the door like any other report, and is answered with a token: to which problem it belongs
is decided later. What is shown are the problems that somebody reported by this way, as everybody may read them.

form       the two forms in which the protocol answers
answer     answers as they go out, faults among them
services   what may be reported: the categories of the pack in force
requests   a problem as everybody may read it, and which of them are asked for
ledger     the view of the router's ledger that it is read from
routes     the routes
"""
