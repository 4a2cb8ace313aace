"""The parts of the page that draws: its dials, and the picture while it grows.

`drawing` has the dials and what is said of a drawing; `drawn` shows the picture, or several abreast.
Begin reading at `drawing`.
"""
