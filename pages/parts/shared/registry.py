"""The pages there are: to add one, add a line here and a script beside the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from core.problem import N_


@dataclass(frozen=True)
class PageInfo:
    """One page.

    Attributes:
        file: its script; its name is also the page's address.
        title: its name in the navigation, translatable.
        icon: a Material symbol.
        promise: what one will see, in one sentence, translatable.
        default_photo: the sample shown until a photo is chosen; empty where none is used.
        uses_network: whether the choice of networks is shown.
        in_class: whether it is for lessons, and stands in the navigation's menu of those.
        draws: names of the jobs whose results a scene on it begins without.
    """

    file: str
    title: str
    icon: str
    promise: str
    default_photo: str = ""
    uses_network: bool = True
    in_class: bool = False
    draws: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Its address, below the app's own; the start page has the app's own."""
        return "" if self is HOME else PurePath(self.file).stem


HOME = PageInfo(
    "pages/home.py",
    N_("Start"),
    ":material/home:",
    N_("Open a real neural network and look inside."),
    uses_network=False,
)
MAPS = PageInfo(
    "pages/feature_maps.py",
    N_("Feature maps"),
    ":material/grid_view:",
    N_("See what each layer of the network makes of your photo."),
    default_photo="cat",
    draws=("maps_losses",),
)
TRAINING = PageInfo(
    "pages/fine_tuning.py",
    N_("Fine-tuning"),
    ":material/model_training:",
    N_("Teach the network new classes in seconds, with a handful of photos."),
    default_photo="cat",
)
IDEAL = PageInfo(
    "pages/ideal_class.py",
    N_("Ideal class"),
    ":material/palette:",
    N_("Watch the network draw what it takes for the ideal cat – or anything else it knows."),
    draws=("ideal",),
)
ATTACK = PageInfo(
    "pages/adversarial_attack.py",
    N_("Adversarial attack"),
    ":material/theater_comedy:",
    N_("Turn a dog into a cat for the network, with a change no eye can tell."),
    default_photo="dalmatian",
    draws=("attack", "attack_needed", "attack_curve", "attack_defences", "attack_sticker_run"),
)
WALL = PageInfo(
    "pages/teacher.py",
    N_("Class wall"),
    ":material/gallery_thumbnail:",
    N_("What the class has drawn and disguised, for everybody to see."),
    uses_network=False,
    in_class=True,
)
HAND_IN = PageInfo(
    "pages/hand_in.py",
    N_("Hand in"),
    ":material/assignment_turned_in:",
    N_("All that you have done here, as one file for your teacher."),
    uses_network=False,
    in_class=True,
)

LESSON = PageInfo(
    "pages/lesson.py",
    N_("Lesson"),
    ":material/school:",
    N_("Scenes for 45 minutes, and some more if there is time: predict first, then look."),
    uses_network=False,
    in_class=True,
)

CLASSROOM = PageInfo(
    "pages/classroom.py",
    N_("Classroom"),
    ":material/groups:",
    N_("Collect photos with phones, vote blind, fool the camera: the class does it together."),
    uses_network=False,
    in_class=True,
)

PAGES = (HOME, MAPS, TRAINING, IDEAL, ATTACK, LESSON, CLASSROOM, WALL, HAND_IN)
