"""What phones in a room see: a page of their own and its answers, over plain HTTP.

Thirty phones need no sessions of Streamlit that way. Begin reading at `routes`; the page itself is
in `assets/phone`. The teacher's side of a room is the page `classroom`.
"""
