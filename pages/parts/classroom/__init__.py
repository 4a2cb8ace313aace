"""The teacher's side of a room, for the projector: who is there, and one part for each task.

Begin reading at `desk`. The phones' side is `pages.parts.phone`; what both know is `core.classroom.room`.
"""
