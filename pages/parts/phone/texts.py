"""What the phones' page says, in the language of whoever reads it."""

from __future__ import annotations

from core.classroom.poll import LONGEST_ANSWER
from core.classroom.typed import LONGEST_NICKNAME
from pages.parts.shared.language import t


def all_texts() -> dict[str, str | int]:
    """Return the page's texts by the names that `assets/phone/join.js` has for them."""
    return {
        "title": t("Ideal Cat – your class's room"),
        "longestNickname": LONGEST_NICKNAME,
        "longestAnswer": LONGEST_ANSWER,
        "code": t("The room's four letters"),
        "nickname": t("Nickname (if you like)"),
        "join": t("Join"),
        "leave": t("Leave the room"),
        "leaveAsk": t("Leave? The photos you sent are deleted."),
        "wait": t("You are in. Look at the projector: your teacher begins."),
        "offline": t("No connection. Nothing is lost; trying again …"),
        "broken": t("Something went wrong on the server. Nothing is lost; trying again …"),
        "consentTitle": t("Before the first photo"),
        "consent": t(
            "Your photos go to your school's computer. Your teacher and the class see them on the projector, until the lesson's room is closed; then they are deleted. You can take each one back. Photograph things, no faces, unless everybody in the picture agrees."
        ),
        "agree": t("I agree"),
        "photograph": t("Photograph"),
        "photographOf": t("Photograph: {name}"),
        "gallery": t("From the gallery"),
        "whichClass": t("What will you photograph?"),
        "sent": t("Sent: {count}"),
        "sending": t("Waiting to be sent: {count}"),
        "takeBack": t("Take this photo back"),
        "takeAllBack": t("Take all my photos back"),
        "takeAllBackAsk": t("Take all your photos back? They are deleted."),
        "unreadable": t(
            "This phone cannot open that file as a photo. Use “Photograph”, or choose a JPEG."
        ),
        "answered": t("Answered. You can change it until the answer is shown."),
        "typed": t("What do you see?"),
        "send": t("Send"),
        "right": t("Right!"),
        "wrong": t("Not this time."),
        "itWas": t("It was: {name}"),
        "over": t("The answer is on the projector."),
        "onlyPicture": t("The picture that is asked about"),
        "first": t("Picture A"),
        "second": t("Picture B"),
        "makeItSay": t("Make it say: {name}"),
        "secondsLeft": t("{count} s left"),
        "roundOver": t("The round is over. Look at the board."),
        "yourBest": t("Your best: {share}"),
        "yourPlace": t("Place {place} of {teams}"),
        "live": t("Camera on"),
        "stopLive": t("Camera off"),
        "shot": t("Take a photo"),
        "askIt": t("Ask the network: what is this?"),
        "noCamera": t("The live camera is not allowed here. Take photos instead."),
    }
