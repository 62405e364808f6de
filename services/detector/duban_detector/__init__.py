"""The detector: watches the readings of stations, and reports what a policy asks for, an episode as one report."""
