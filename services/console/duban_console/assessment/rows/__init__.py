"""The rows of a sheet: problems, units, targets. Pure."""
