"""The benchmarks: whole lifecycles, intake alone, the router alone, deadlines; each beside its limit in the same run.

costs      CPU time, memory and bytes of the parts that run
limits     what broker and database do at best, on this machine, now
load       the messages that a benchmark sends
workloads  W1, W3, the router, W4
main       the command
"""
