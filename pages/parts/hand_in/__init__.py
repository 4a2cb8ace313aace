"""The parts of the page that hands in: gathering what the session holds into a report.

It reads from the parts of the other pages, which keep what was made; `core.classroom.hand_in` makes
the file. Begin reading at `gathering`.
"""
