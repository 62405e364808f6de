"""Assessment and bulletins: what the ledger's events say of each unit, as of an instant. Pure.

Everything is a function of the pack, its calendar and the events before ``as_of``; nothing of the present enters, so
the same bulletin can be compiled again in years, byte for byte.

    periods    which stretch of time a bulletin is about
    claims     who owed what until when, and whether it was met in time: one verdict per obligation and holder
    histories  one problem's events → its verdicts, who held it when, what was done
    tallies    all histories → counts by unit, within the period
    indicators counts → values, points, scores
    selection  which bulletin is meant
    sheet      a bulletin of the pack → a sheet of rows
    rows/      problems with their plans, units with their scores, targets held against readings
    sheet_formats  a sheet → JSON, CSV, GeoJSON
"""
