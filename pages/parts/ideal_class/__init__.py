"""The parts of the page that draws: its settings, and the picture while it grows.

`drawing` has the settings and what is said of a drawing; `drawn` shows the picture, or several abreast.
Begin reading at `drawing`.
"""
