"""Hand in: all that a student has done, as one file for the teacher."""

from functools import partial

import streamlit as st

from core.classroom import hand_in
from pages.parts.hand_in import gathering
from pages.parts.shared import entry, layout, registry, save, tab
from pages.parts.shared.language import number, t

entry.only_through_app()

layout.heading(t(registry.HAND_IN.title), t(registry.HAND_IN.promise))
counts = gathering.counts()
with st.grid(min_column_width=150):
    for name, title in gathering.TITLES.items():
        st.metric(t(title), number(counts[name]), border=True)

if any(counts.values()):
    author = st.text_input(
        t("Your name (optional, stands on the report)"),
        max_chars=hand_in.LONGEST_AUTHOR,
        key="hand_in_author",
        persist_state="session",
        placeholder=t("optional"),
    )
    handed = gathering.gathered(author)
    save.file(
        t("Download my report"),
        partial(hand_in.to_html, handed),
        hand_in.file_name(author),
        "hand_in_download",
        type="primary",
    )
    st.caption(
        t(
            "One file that opens in any browser, without internet: pictures, settings, the ledger "
            "of attacks, scores and answers. Photos of your own that you attacked are in it too. "
            "The app sends it to nobody: you hand it in the way your class does."
        )
    )
    st.info(
        t(
            "Download it before you close this tab: what you did here goes {seconds} s after that. A reload keeps it.",
            seconds=tab.kept_for(),
        ),
        icon=":material/schedule:",
    )
else:
    st.info(
        t("There is nothing to hand in yet. What you do on these pages gathers here by itself:"),
        icon=":material/assignment:",
    )
    for page in (registry.IDEAL, registry.ATTACK, registry.TRAINING):
        st.page_link(page.file, label=t(page.title), icon=page.icon)
