"""The demo: cities' stories played on the real stack, on a driven clock, and checked against what they tell.

boston     real requests with their real opening and closing times, as reports and completions
story_entry  what a story tells of one report, duty or act
story      a file of such entries, as messages in the order of time
cities     a story with its pack: what is played
rehearsal  the same story through the pure core, on virtual time
observation  what happened, by the topics or by the core
feed       what the topics say so far
commits    how far every group of services is
player     moves the clock from event to event, and waits at each until every service is idle
differences  where things did not go as told, or not as on virtual time
board      the live table
performance  a programme of stories on a system of its own, from start to summary
summary    the figures, and whether they add up
"""
