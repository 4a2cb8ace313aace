"""The session's ledger as tables, and what other networks make of a changed photo."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.attacks import ledger
from core.attacks.norm import NORMS
from pages.parts.adversarial_attack.attack import BROUGHT_BACK, METHODS
from pages.parts.shared import layout, network_names, save
from pages.parts.shared.language import (
    class_name,
    number,
    percent,
    photo_title,
    plain,
    sentence,
    short,
    t,
)


def ledger_table(rows: Sequence[ledger.Row]) -> None:
    """Show the ledger, the newest attempt first, and offer it for download."""
    if not rows:
        st.caption(t("Every attempt will get a line here."))
        return
    (_, first), *others = told_tables(rows).items()
    st.table(first, hide_index=True)
    with st.expander(t("All measures"), key="attack_measures"):
        for title, table in others:
            layout.label(title)
            st.table(table, hide_index=True)
    save.file(
        t("Download CSV"),
        lambda: ledger.to_csv(rows),
        "ledger.csv",
        "attack_csv",
        icon=":material/table:",
    )


def told_tables(rows: Sequence[ledger.Row]) -> dict[str, list[dict[str, str]]]:
    """Write the ledger as tables narrow enough to be read, the newest attempt first.

    Returns:
        By each table's title its rows, by the names of their columns.
    """
    numbered = list(reversed(list(enumerate(rows, start=1))))
    parts = {
        t("Ledger"): _attempt_told,
        t("How large the change is"): _change_told,
        t("What it survives, and other networks"): _seen_told,
    }
    tables = {
        title: [{t("No."): number(place), **told(row)} for place, row in numbered]
        for title, told in parts.items()
    }
    for table in tables.values():
        columns = dict.fromkeys(name for row in table for name in row)
        table[:] = [{name: row.get(name, "–") for name in columns} for row in table]
    return tables


def _attempt_told(row: ledger.Row) -> dict[str, str]:
    return {
        t("Photo"): photo_title(row.photo),
        t("Method"): method_told(row.attack),
        "ε": "–" if row.epsilon is None else short(row.epsilon) + NORMS[row.norm].unit_name,
        t("Before"): _answer(row.before[0].class_name, row.before[0].probability),
        t("After"): _answer(row.after[0].class_name, row.after[0].probability),
        t("Fooled"): _mark(row.success),
        # Last: a phone has no room for them.
        t("To be seen as"): class_name(row.target) if row.target else t("anything else"),
        t("Network"): network_names.title_of(row.network),
    }


def _change_told(row: ledger.Row) -> dict[str, str]:
    return {
        "L∞": f"{row.linf}/255",
        "L2": number(row.l2, 2),
        t("Pixels changed"): percent(row.changed, 1),
        "PSNR": "∞" if np.isinf(row.psnr) else number(row.psnr, 1) + " dB",
        "SSIM": "–" if np.isnan(row.ssim) else number(row.ssim, 4),
        t("Steps"): number(row.steps),
        t("Seconds"): number(row.seconds, 1),
    }


def _seen_told(row: ledger.Row) -> dict[str, str]:
    survived = {
        sentence(t(title)): _mark(getattr(row.survives, name))
        for name, title in ledger.SURVIVAL_NAMES.items()
    }
    asked = {
        network_names.title_of(
            other.network
        ): f"{_mark(other.fooled)} {_answer(other.after.class_name, other.after.probability)}"
        for other in row.transfer
    }
    return survived | asked


def _mark(is_so: bool) -> str:
    return "✓" if is_so else "–"


def method_told(attack: str) -> str:
    """What an attack is called in the ledger."""
    name = attack.removesuffix(BROUGHT_BACK)
    method = t(METHODS[name].label if name in METHODS else name).split(":")[0]
    return t("{method}, brought back", method=method) if name != attack else method


def _answer(name: str, probability: float) -> str:
    return f"{class_name(name)} {percent(probability, 1)}"


def transfer(row: ledger.Row) -> None:
    """Say what other networks make of the changed photo."""
    st.markdown(t("**Does it fool the other networks, which nobody attacked?**"))
    if not row.transfer:
        st.caption(t("No other network was asked; choose some under “More settings”."))
    for other in row.transfer:
        st.markdown(f"- {_transfer_told(other, row.target)}")


def _transfer_told(other: ledger.Transfer, target: str) -> str:
    told = {
        "network": plain(network_names.title_of(other.network)),
        "answer": plain(class_name(other.after.class_name)),
        "share": percent(other.after.probability, 1),
    }
    if other.wanted is None:
        return t(
            "**{network}** has no class called {target}: it says {answer} ({share}); before, {before}.",
            target=plain(class_name(target)),
            before=plain(class_name(other.before.class_name)),
            **told,
        )
    wanted = percent(other.wanted, 1)
    if other.fooled:
        return t(
            "**{network}** is fooled too: {answer} ({share}); probability of what was wanted {wanted}.",
            wanted=wanted,
            **told,
        )
    return t(
        "**{network}** is not fooled: {answer} ({share}); probability of what was wanted {wanted}.",
        wanted=wanted,
        **told,
    )
