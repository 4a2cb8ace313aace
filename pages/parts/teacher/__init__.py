"""The parts of the teacher's page: the numbers of the server.

The wall itself is in `shared.wall`, since other pages send pictures to it.
Begin reading at `numbers`.
"""
