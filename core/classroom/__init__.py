"""What a class needs: the lesson's scenes, a room for phones, a report to hand in, a wall.

Everything that comes from a student is untrusted: it is kept as ids and short words, and escaped in
one place. Begin reading at `lesson`, whose scenes are links (`scene`), and at `room`; then `hand_in`, `wall`.
"""
