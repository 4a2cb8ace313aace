"""Ideal Cat: the entry of the app. Page set-up, navigation, language and side bar; nothing else."""

import streamlit as st

from pages.kit import language, layout, pickers, start
from pages.kit.language import t
from pages.kit.registry import HOME, PAGES

st.set_page_config(page_title="Ideal Cat", page_icon="🐈", layout="wide")
start.warm_up()

by_page = {
    st.Page(
        page.file,
        title=t(page.title),
        icon=page.icon,
        default=page is HOME,
    ): page
    for page in PAGES
}
opened = st.navigation(list(by_page), position="top")
info = by_page[opened]

layout.style()
with st.sidebar:
    language.switch()
    if info.uses_network:
        start.wait_until_warm()
        pickers.network()
    if info.default_photo:
        pickers.photo(info.default_photo)

opened.run()
