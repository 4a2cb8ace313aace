"""One lesson of 45 minutes in scenes, each with a question to predict before it is revealed.

Three more scenes are for a class that has time left.

What the answers say was measured on the built-in network, as the scenes set it.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.classroom.scene import Scene
from core.problem import N_, Text


@dataclass(frozen=True)
class Part:
    """One scene of the lesson with its question.

    Attributes:
        id: its name in links and among the answers.
        title: its name.
        minutes: how long it takes in class, until everybody has predicted, looked and talked.
        scene: what to open.
        task: what to do there once the prediction is made.
        question: what to predict.
        options: what may be predicted.
        expected: index of the option that holds.
        why: one sentence that explains it.
        if_time: whether a class that is short of time leaves it out.
        goes_on_at: address of a second page that the task leads to; empty for none.
    """

    id: str
    title: Text
    minutes: int
    scene: Scene
    task: Text
    question: Text
    options: tuple[Text, ...]
    expected: int
    why: Text
    if_time: bool = False
    goes_on_at: str = ""

    @property
    def pages(self) -> tuple[str, ...]:
        """Addresses of the pages on which it is asked."""
        return (self.scene.page, self.goes_on_at) if self.goes_on_at else (self.scene.page,)


PARTS = (
    Part(
        "edges",
        N_("From edges to cat"),
        9,
        Scene("feature_maps", photo="cat", question="edges", settings={"view": "tour"}),
        N_(
            "Press “Draw their ideal pictures”, then the five stops; after that “The maps”, and layers in the diagram."
        ),
        N_("How much of the photo can one number of the first layer see?"),
        (N_("3×3 pixels"), N_("About the cat's eye"), N_("The whole photo")),
        0,
        N_(
            "In 3×3 pixels there are only edges, dots and colours; later layers look at the maps of earlier ones, and so at ever more of the photo."
        ),
    ),
    Part(
        "unfamiliar",
        N_("What the network cannot know"),
        4,
        Scene("feature_maps", photo="astronaut", question="unfamiliar"),
        N_("Look at what the network says about the photo."),
        N_(
            "None of the network's 1,000 classes is an astronaut. What does it say about this photo?"
        ),
        (
            N_("That it does not know"),
            N_("An astronaut, after all"),
            N_("One of its 1,000 classes"),
        ),
        2,
        N_(
            "The network says “bobsled”, with 19 %. Its probabilities always add up to 100 %, so it must call whatever it sees one of its own classes; here it is at least not sure of it."
        ),
    ),
    Part(
        "transfer",
        N_("Old features, new classes"),
        8,
        Scene("fine_tuning", question="transfer", settings={"photos": 5}),
        N_("Press “Train”. Then choose 1 photo per class and press “Train” again; then 60."),
        N_(
            "The network has never learned digits. Only a new last layer learns, from 5 pictures of each. What share of 300 others does it get right?"
        ),
        (
            N_("About 10 %, as if it guessed"),
            N_("About 40 %"),
            N_("About 80 %"),
        ),
        2,
        N_(
            "Edges and curves learned from photos of animals and things tell digits apart as well; only the last layer had to be new. That is transfer learning. From 1 picture of each it gets about half right, from 60 about 95 %."
        ),
    ),
    Part(
        "noise",
        N_("Noise or cat?"),
        8,
        Scene("ideal_class", question="noise"),
        N_("Press “Noise or cat?” and wait for the three pictures."),
        N_(
            "Three pictures are changed until the network is sure that each is a Siamese cat. In the first, nothing keeps neighbouring pixels alike. What will you see in that picture?"
        ),
        (
            N_("A Siamese cat"),
            N_("Coloured noise"),
            N_("A grey sheet"),
        ),
        1,
        N_(
            "Far more pictures of noise than of cats make this network sure, and it finds noise first. In the other two the TV loss (total variation) makes differences between neighbouring pixels cost something, so noise goes and shapes are left; and there other networks begin to see a cat as well."
        ),
    ),
    Part(
        "zebra",
        N_("The ideal zebra"),
        6,
        # This seed's zebra is one to people, too, however a computer rounds.
        Scene("ideal_class", question="zebra", settings={"class": 340, "seed": 5}),
        N_(
            "The zebra is chosen already. Press “Draw”, and read at the end what the other networks say."
        ),
        N_(
            "Two other networks, Lite1 and Lite2, had no part in the drawing. What do these two see in the finished picture?"
        ),
        (
            N_("Both of them a zebra"),
            N_("Each something else"),
            N_("They cannot be sure of anything"),
        ),
        0,
        N_(
            "The picture has become what zebras have in common, not something that only one network sees."
        ),
    ),
    Part(
        "dog",
        N_("The dog that is a cat"),
        10,
        Scene("adversarial_attack", photo="dalmatian", question="dog"),
        N_("Press “Attack” (ε = 4), then “How much is needed” and “Find the smallest ε”."),
        N_(
            "The network sees the dalmatian as 150,000 values from 0 to 255: 224×224 pixels, each with its red, green and blue. ε says by how much each value may change. How large must ε be until the network sees a tabby?"
        ),
        (N_("About 1"), N_("About 30"), N_("More than 100")),
        0,
        N_(
            "The first attack had 4, and a little more than 0.5 is enough. A saved picture has whole numbers, so in it a value changes by 1. Nobody can see that, but there are 150,000 values, and each is changed towards what the network calls a tabby."
        ),
    ),
    Part(
        "number",
        N_("One number"),
        8,
        Scene(
            "feature_maps",
            photo="cat",
            question="number",
            settings={"layer": "conv_stem", "channel": 7},
        ),
        N_(
            "Click a dark red place of the map (the last of the three pictures) and a white one: each is one number. Go through its computation with ◀ and ▶."
        ),
        N_("What does the network do to get one number of a map of its first layer?"),
        (
            N_("It compares the photo with photos that it has stored"),
            N_("It multiplies, adds, and cuts off what is below 0"),
            N_("It follows a rule for edges that somebody wrote"),
        ),
        1,
        N_(
            "27 values of the photo, each multiplied by its weight, and one more number, all added up; what is below 0 or above 6 is cut off: that is all. Nobody wrote the weights; they were found by training."
        ),
        if_time=True,
    ),
    Part(
        "helps",
        N_("What helps?"),
        5,
        Scene(  # with 40 steps the answers are the same, after four times as long
            "adversarial_attack",
            photo="dalmatian",
            question="helps",
            settings={"part": "helps", "steps": 10},
        ),
        N_("In “What helps”, press “Measure”."),
        N_(
            "Five defences change the picture before the network sees it. An attacker who knows of them attacks through each. How many still stop the network from seeing a tabby?"
        ),
        (N_("All five"), N_("Three of them"), N_("None")),
        2,
        N_(
            "Whoever knows the defences attacks through them, as through one more layer. Against an attacker who does not know of them, four of the five stop the network from seeing a tabby, and most of these bring the dalmatian back."
        ),
        if_time=True,
    ),
    Part(
        "switch",
        N_("The off-switch"),
        5,
        Scene(
            "feature_maps",
            photo="cat",
            question="switch",
            settings={"layer": "blocks.1.0", "ask": "switch"},
        ),
        N_("Press “Which channel matters most?”, click the first channel, and press “off”."),
        N_(
            "The network says “Egyptian cat”. Its third layer has 24 channels; the one that matters most for this answer is switched off. What will the network say then?"
        ),
        (N_("Egyptian cat, as before"), N_("Another kind of cat"), N_("No cat at all")),
        1,
        N_(
            "It says “tiger cat”, for the network a class of its own beside “Egyptian cat” and “tabby”. It was close behind before, and the other 23 channels still show a cat. What a network knows is spread over many channels."
        ),
        if_time=True,
    ),
    Part(
        "phones",
        N_("Photos of your own"),
        15,
        Scene("classroom", question="phones"),
        N_(
            "Press “Open a room” and let the phones join. Under “Collect photos” name two things that everybody has, such as pen and shoe, and press “Begin”: five photos of each from each phone. Then press “Train on it” and “Train”."
        ),
        N_(
            "Your class photographs two kinds of things, and the network learns them. On which photos will it be tested, so that you can believe the result?"
        ),
        (
            N_("On the photos it has learned from"),
            N_("On other photos by the same phones"),
            N_("On photos by phones it has learned nothing from"),
        ),
        2,
        N_(
            "On other photos by the same phones it could do well by recognising that same pen on that same table. So the photos of one phone stay together: either all are learned from, or all are for the test. Then it has to know pens in general."
        ),
        if_time=True,
        goes_on_at="fine_tuning",
    ),
)
"""In the order of the lesson; those for a class that has time left are the last."""


def part(part_id: str) -> Part | None:
    """Return a part by its id; None if there is none of that name."""
    return next((found for found in PARTS if found.id == part_id), None)


MINUTES = sum(part.minutes for part in PARTS if not part.if_time)
"""How long the lesson takes without what is for a class that has time left."""


def after(found: Part) -> Part | None:
    """Return the part that follows; None after the last one."""
    place = PARTS.index(found) + 1
    return PARTS[place] if place < len(PARTS) else None
