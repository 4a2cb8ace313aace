"""The lesson's loops as files to take along: what a run did, in at most 100 lines of plain PyTorch.

A script draws the same kind of picture, or attacks the same photo, with the settings of a run, and
needs nothing of this app. Begin reading at `drawing.script`; `cells` makes a notebook of a script.
"""
