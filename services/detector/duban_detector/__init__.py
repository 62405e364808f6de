"""The detector: watches the readings of stations, and reports what a policy asks for, an episode as one report.

consumes  ``duban.readings.v1``  readings (监测数据) of stations, in their order
          ``duban.reports.v1``   of late, by every member, to see surges
produces  ``duban.reports.v1``   episodes: that one has begun, that it lasts, that it is over; surges
owns      ``duban.detector.v1``  what it remembers of each station, the changelog of a table of Faust

    domain    what is found in readings; pure
    handlers  readings of a station and what it is remembered by, to reports and what it is remembered by then
    worker    the Faust app
    surge_watch  reports of late
"""
