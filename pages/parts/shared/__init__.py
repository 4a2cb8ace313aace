"""What the pages share: the session, the language, the layout, the live panel, pickers, scenes.

`session` says who the visitor is and starts runs; `live` watches them, and `layout` has the look.
`registry` lists the pages, and `links` what of each travels in a link. What Streamlit and Starlette
have not promised is in their `…_internals` only. Begin reading at `session`, then `live`.
"""
