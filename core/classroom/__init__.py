"""What a class needs: the lesson's scenes, answers, a report to hand in, a wall to hang pictures on.

Everything that comes from a student is untrusted: it is kept as ids and short words, and escaped in
one place. Begin reading at `lesson`, whose scenes are links (`scene`); then `hand_in` and `wall`.
"""
