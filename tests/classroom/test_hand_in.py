"""What a student hands in: everything is in it, and nothing that a name says can do anything."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from core.classroom.hand_in import Figure, HandIn, Part, Section, Table, file_name, to_html
from core.images import photos

HOSTILE = (
    "<script>document.title='taken'</script>",
    '"><img src=x onerror="document.title=1">',
    "'; --></style><svg onload=alert(1)>",
    "&lt;b&gt; &amp; javascript:alert(1)",
    "</main></body></html><h1>gone</h1>",
    "a\x00b\x1bc\u202edexif\ud800",
)
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "strong"),
    *("section", "div", "dl", "dt", "dd", "figure", "img", "figcaption"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data) -> None:
        self.text += data


def pixels(shade: int) -> np.ndarray:
    return np.full((40, 60, 3), shade, np.uint8)


def handed(words: tuple[str, ...]) -> HandIn:
    """A report of which each text is one of these words."""
    it = itertools.cycle(words)

    def say() -> str:
        return next(it)

    def part() -> Part:
        figures = (
            Figure(photos.encode_png(pixels(90)), say(), say()),
            Figure(photos.encode_jpeg(pixels(200)), say(), say()),
        )
        table = Table((say(), say()), ((say(), say()), (say(), say())))
        return Part(say(), ((say(), say()),), figures, say(), table)

    sections = tuple(Section(say(), (part(), part())) for _ in range(2))
    return HandIn("pt-BR", say(), say(), say(), sections)


def read(html: bytes) -> Reader:
    reader = Reader()
    reader.feed(html.decode("utf-8"))
    return reader


def test_everything_is_in_the_one_file():
    words = tuple(f"word {i}" for i in range(60))
    reader = read(to_html(handed(words)))
    uris = [value for name, value in reader.attributes if name == "src"]
    assert len(uris) == 8
    for uri in uris:
        kind, data = re.fullmatch(r"data:image/(png|jpeg);base64,(.*)", uri).groups()
        shown = Image.open(io.BytesIO(base64.b64decode(data)))
        assert (shown.format.lower(), shown.size) == (kind, (60, 40))
    alts = [value for name, value in reader.attributes if name == "alt"]
    assert [word for word in words if word not in reader.text and word not in alts] == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_people_have_typed_stays_text(hostile):
    reader = read(to_html(handed((hostile,))))
    assert set(reader.tags) <= TAGS
    assert reader.tags.count("h1") == 1
    names = {name for name, _ in reader.attributes}
    assert names <= {"lang", "charset", "http-equiv", "content", "name", "src", "alt", "class"}
    readable = "".join(c for c in hostile if c.isprintable())
    assert reader.text.count(readable) > 10


def test_nothing_is_allowed_to_run_or_to_be_fetched():
    html = to_html(handed(("word",))).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html).group(1)
    assert policy.startswith("default-src 'none'; img-src data:; style-src")
    style = re.search(r"<style>(.*)</style>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?://|<script|<link|<iframe|<object|<form", html)


def test_only_pictures_become_pictures():
    part = Part(figures=(Figure(b"<svg onload=alert(1)>", "", ""),))
    with pytest.raises(ValueError, match="PNG or JPEG"):
        to_html(HandIn("en", "", "", "", (Section("", (part,)),)))


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("", "ideal-cat.html"),
        ("Ana Júlia", "ideal-cat-ana-julia.html"),
        ("../../etc/passwd", "ideal-cat-etc-passwd.html"),
        ("con\x00.exe", "ideal-cat-con-exe.html"),
        ("ñ" * 200, "ideal-cat-" + "n" * 30 + ".html"),
        ("猫", "ideal-cat.html"),
    ],
)
def test_a_file_is_named_after_its_author_as_any_system_can_take(author, name):
    assert file_name(author) == name


def test_it_opens_in_a_browser_with_all_pictures_and_without_a_complaint(chromium, tmp_path):
    path = tmp_path / "report.html"
    path.write_bytes(to_html(handed(HOSTILE)))
    page = chromium("en-US").new_page()
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    loaded = "imgs => imgs.length && imgs.every(i => i.complete && i.naturalWidth == 60)"
    assert page.locator("img").evaluate_all(loaded)
    assert page.locator("img").count() == 8
    assert page.evaluate("getComputedStyle(document.querySelector('main')).fontSize") == "16px"
    assert (
        page.evaluate("getComputedStyle(document.body).maxWidth") == "960px"
    )  # the style is let in
    assert page.title() != "taken"
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    page.close()


@pytest.mark.parametrize(("media", "width"), [("screen", 1000), ("print", 1040)])
def test_a_ledger_fits_and_breaks_no_words(chromium, tmp_path, media, width):
    """A4 in landscape has 1,040 pixels between its margins."""
    columns = (
        "Nº",
        "Foto",
        "Rede",
        "Método",
        "Deve ser vista como",
        "ε",
        "Antes",
        "Depois",
        "Enganada",
    )
    row = ("12", "Cigarrinha", "EfficientNet-Lite0", "Carlini–Wagner, trazida de volta")
    row += ("fivela de cinto de segurança", "0,5625/255", "cigarrinha 99,98%")
    row += ("estação de metrô 100,00%", "✓")
    table = Table(columns, (row, ("1", "x" * 60, *row[2:])))
    path = tmp_path / "report.html"
    path.write_bytes(
        to_html(HandIn("pt-BR", "t", "a", "b", (Section("s", (Part("p", table=table),)),)))
    )
    page = chromium("en-US").new_page()
    page.set_viewport_size({"width": width, "height": 700})
    page.emulate_media(media=media)
    page.goto(path.as_uri())
    assert page.locator(".wide").evaluate("e => e.scrollWidth <= e.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    broken = page.evaluate(
        """() => {
            const found = [];
            for (const cell of document.querySelectorAll("th, tr:first-child td")) {
                const text = cell.firstChild;
                for (const word of text.data.matchAll(/[^\\s–-]+[–-]?/g)) {
                    const range = document.createRange();
                    range.setStart(text, word.index);
                    range.setEnd(text, word.index + word[0].length);
                    if (range.getClientRects().length > 1) found.push(word[0]);
                }
            }
            return found;
        }"""
    )
    assert broken == []
    page.close()
