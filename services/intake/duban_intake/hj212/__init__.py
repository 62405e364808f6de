"""The gateway of HJ 212: pollution-source monitors over TCP, answered once the broker has their readings.

``python -m duban_intake.hj212`` runs it.

consumes  TCP: frames of HJ/T 212-2005, HJ 212-2017 and HJ 212-2025
produces  ``duban.readings.v1``; what is no reading, or of nobody known, to the dead letters with its bytes
reads     the registry of devices, a file
owns      nothing

    registry     which devices there are, and what each may send
    register_file  the same as a file that may change while the gateway runs
    translation  from a frame to readings, or to the reason why it is none
    door         the connections: frames in, answers out
"""
