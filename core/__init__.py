"""Everything that is true without Streamlit: networks, photos, loops, jobs.

Nothing in here imports Streamlit; `pages/` calls into `core/`, never the other way round.
"""
