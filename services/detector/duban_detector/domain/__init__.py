"""What is found in readings and reports. Pure.

grades           what a single reading is by a rule: bad, well, or between
watch            what readings make of a station, one after the other: its episodes, as the detector keeps them
evaluation       the same from all readings at once, by plain lists, sharing nothing with the watch but the grades
episode          an episode, and what happens in its life
episode_reports  what happens in its life, as reports
surges           many reports from one area
"""
