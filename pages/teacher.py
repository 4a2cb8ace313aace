"""The class's wall, large enough for a projector, and the teacher's desk behind a PIN."""

from core.classroom import pin
from pages.kit import entry, layout, numbers, wall
from pages.kit.language import t
from pages.kit.registry import WALL

entry.only_through_app()

layout.heading(t(WALL.title), t(WALL.promise))
if not pin.is_set():
    wall.how_to_set_up()
elif wall.is_teacher():
    wall.teacher_controls()
    wall.pictures()
    numbers.panel()
else:
    wall.pictures()
    wall.sign_in()
