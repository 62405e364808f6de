"""The demo: two cities' stories played on the real stack, on a driven clock, and checked against their data.

boston    real requests with their real opening and closing times, as reports and completions
story     the Mianyang timeline: a file of dated entries, each with what must become of it
feed      what the topics say so far
player    moves the clock from event to event, and waits at each until every service is idle
board     the live table
summary   the figures, and whether they add up
main      the command
"""
