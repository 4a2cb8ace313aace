"""The parts of the page that draws: its settings, its runs, and the pictures that come of them.

`choices` asks what to draw; `running` draws it, and `comparing` several beside each other; `latest`
knows which of them the session did last. `drawn` shows the picture while it grows, `opinions` what
networks see in it, and `real_ones` photos of the same. `finished` offers what can be done with it,
with `ask_room` among that; `gallery` keeps it, and `saved` draws it again. Begin reading at `choices`.
"""
