"""The benchmarks: whole lives, deadlines, intake and router; each beside its limit in the same run.

costs      CPU time, memory and bytes of the parts that run
limits     what broker and database do at best, on this machine, now
load       the messages that a benchmark sends
drive      reports and people on the clock of the wall, in a closed loop or an open one
path       the router's path in this process
routers    one, two and four routers on one city
deadlines  escalation's handler over a real database
workloads  W1, W2, W3, the router, W4
open_problems  those that stand already
scale      W1 beside ever more of them, and on more partitions; histories of any length
restart    W5: the services come back to open deadlines and a backlog
soak       W6: a steady rate for an hour
profile    what kind of work the services are at
"""
