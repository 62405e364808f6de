"""The chaos run: people at work while things are broken on purpose, and an independent checker over what came of it.

client     a client that writes down every call, with its outcome: ok, fail, or unknown
load       reports at a pace, and what people do about each problem, in time, late or never
policy     the pack, whose deadlines are seconds
watch      what the engine does, as its topics tell: for people, and for how fast it recovers
receiver   the receiver of notices, and how it can misbehave
proxy      the network between the engine and its servers
plan       which fault strikes when, by a seed
faults/    every fault: strike and heal
run        all of it, from start to judgement
"""
