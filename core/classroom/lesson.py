"""One lesson of 45 minutes in scenes, each with a question to predict before it is revealed.

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
        minutes: how long it takes in class.
        scene: what to open.
        task: what to do there once the prediction is made.
        question: what to predict.
        options: what may be predicted.
        expected: index of the option that holds.
        why: one sentence that explains it.
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


PARTS = (
    Part(
        "edges",
        N_("From edges to cat"),
        5,
        Scene("feature_maps", photo="cat", question="edges", settings={"view": "tour"}),
        N_(
            "Walk through the five stops. Then choose “The maps” and click on layers in the diagram."
        ),
        N_("How much of the photo can one value of the first layer see?"),
        (N_("3×3 pixels"), N_("About the cat's eye"), N_("The whole photo")),
        0,
        N_(
            "In 3×3 pixels there are only edges, dots and colours; later layers look at the maps of earlier ones, and so at ever more of the photo."
        ),
    ),
    Part(
        "number",
        N_("One number"),
        4,
        Scene("feature_maps", photo="cat", question="number", settings={"layer": "conv_stem"}),
        N_("Click a number on the map, then go through its computation with ◀ and ▶."),
        N_("What does the network do to get one number of a map of its first layer?"),
        (
            N_("It compares the photo with photos that it has stored"),
            N_("It multiplies, adds, and cuts off what is below 0"),
            N_("It follows a rule for edges that somebody wrote"),
        ),
        1,
        N_(
            "27 values of the photo, each times its weight, added up, one more number added, and what is below 0 or above 6 cut off: that is all. Nobody wrote the weights; they were found by training."
        ),
    ),
    Part(
        "unfamiliar",
        N_("What it cannot know"),
        3,
        Scene("feature_maps", photo="astronaut", question="unfamiliar"),
        N_("Look at what the network says of the photo."),
        N_("None of its 1,000 classes is an astronaut. What does the network say of this photo?"),
        (
            N_("That it does not know"),
            N_("An astronaut, after all"),
            N_("One of its classes, though none fits"),
        ),
        2,
        N_(
            "It says “bobsled”, with 19 %. Its probabilities always add up to 100 %, so it must call whatever it sees one of its own classes; here it is at least not sure of it."
        ),
    ),
    Part(
        "switch",
        N_("The off-switch"),
        4,
        Scene(
            "feature_maps",
            photo="cat",
            question="switch",
            settings={"layer": "blocks.1.0", "ask": "switch"},
        ),
        N_(
            "Press “Whose loss changes the answer most?”, click the first channel, and switch it off."
        ),
        N_(
            "The network says “Egyptian cat”. Its third layer has 24 channels; the one that matters most for this answer is switched off. What will it say?"
        ),
        (N_("Egyptian cat, as before"), N_("Another kind of cat"), N_("No cat at all")),
        1,
        N_(
            "It says “tiger cat”: the two were close before, and the other 23 channels still show it a cat. What a network knows is spread over many channels."
        ),
    ),
    Part(
        "transfer",
        N_("Old features, new classes"),
        6,
        Scene("fine_tuning", question="transfer", settings={"photos": 5}),
        N_("Press “Train”. Then choose 1 photo per class and train again, then 60."),
        N_(
            "The network has never learned digits. Only a new last layer learns, from 5 pictures of each. How many of 300 others does it get right?"
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
        7,
        Scene("ideal_class", question="noise"),
        N_("Press “Noise or cat?” and wait for the three pictures."),
        N_(
            "Three pictures are changed until the network is sure that each is a Siamese cat. Of the first, “Without TV”, nothing else is asked; of the other two, that neighbouring pixels differ little: total variation (TV) is how much they do. What will you see in the first?"
        ),
        (
            N_("A Siamese cat"),
            N_("Coloured noise"),
            N_("A grey sheet"),
        ),
        1,
        N_(
            "There are far more ways to be sure with noise than with a cat, and gradient descent finds the nearest. In the other two noise costs something, and so shapes are left."
        ),
    ),
    Part(
        "zebra",
        N_("The ideal zebra"),
        5,
        # This seed's zebra is one to people, too, however a computer rounds.
        Scene("ideal_class", question="zebra", settings={"class": 340, "seed": 5}),
        N_(
            "The zebra is chosen already. Press “Draw”, and read at the end what the other networks say."
        ),
        N_(
            "Two other networks never saw the run. What do they call the finished picture of a zebra?"
        ),
        (
            N_("A zebra, both of them"),
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
        6,
        Scene("adversarial_attack", photo="dalmatian", question="dog"),
        N_("Press “Attack”, then “How much is needed”, and find the smallest ε."),
        N_(
            "The network is to take the dalmatian for a tabby. By how much must each pixel be allowed to change for that, on a scale from 0 to 255?"
        ),
        (N_("By about 1"), N_("By about 30"), N_("By more than 100")),
        0,
        N_(
            "Of the 4 that were allowed, a little more than one half is enough; in a saved picture, whose values are whole numbers, that is a change of 1. Each is too small to be seen, but there are 150,000 of them and all pull in the same direction."
        ),
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
            "The attacker gets around what has no gradient, and averages over what is random. Against an attacker who does not know of them, four of the five stop it from seeing a tabby, and at least three of these bring the dalmatian back."
        ),
    ),
)
"""In the order of the lesson."""


def part(part_id: str) -> Part | None:
    """Return a part by its id; None if there is none of that name."""
    return next((found for found in PARTS if found.id == part_id), None)


def after(found: Part) -> Part | None:
    """Return the part that follows; None after the last one."""
    place = PARTS.index(found) + 1
    return PARTS[place] if place < len(PARTS) else None
