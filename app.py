"""Ideal Cat: the entry of the app.

The server, and what it runs for each visitor: page set-up, navigation, language and side bar.
"""

import streamlit as st

from pages.parts.phone.routes import routes
from pages.parts.shared import (
    language,
    layout,
    pickers,
    questions,
    room,
    scenes,
    startup,
    streamlit_words,
    tab,
    uploads,
)
from pages.parts.shared.language import t
from pages.parts.shared.registry import HOME, PAGES


def visit() -> None:
    """Show a visitor the page that is open."""
    layout.arrive()
    st.set_page_config(
        page_title="Ideal Cat",
        page_icon="🐈",
        layout="wide",
        # In pixels: the width belongs to the pictures.
        initial_sidebar_state="collapsed" if layout.presenting() else 256,
    )
    startup.warm_up()

    by_page = {
        # Without icons: with them, Portuguese does not fit, and Streamlit hides half of the pages.
        st.Page(page.file, title=t(page.title), default=page is HOME): page
        for page in PAGES
    }
    sections = {
        "": [page for page, info in by_page.items() if not info.in_class],
        t("In class"): [page for page, info in by_page.items() if info.in_class],
    }
    opened = st.navigation(sections, position="top")
    info = by_page[opened]

    layout.style()
    streamlit_words.style()
    tab.arrive()
    layout.close_menu(info.address)
    if info.uses_network:
        startup.wait_until_warm()
    scenes.arrive(info)
    room.arrive()
    with st.sidebar:
        language.switch()
        if info.uses_network:
            pickers.network()
            room.ask()
        if info.default_photo:
            pickers.photo(info.default_photo)

    tools = questions.strip(info)
    if info.uses_network:
        uploads.warn_if_refused()
    with tools:
        layout.present_switch()
        scenes.link(info)
    opened.run()


if __name__ == "__main__":  # what Streamlit calls the script that it runs for a visitor
    visit()
else:  # imported once, by `streamlit run`
    app = st.App(__file__, routes=routes())
