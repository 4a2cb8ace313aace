"""Everything that is true without Streamlit, in rooms: each package's docstring says what it holds.

`zoo` has the networks; `features`, `synthesis`, `attacks` and `training` are what a student came for.
The modules at this level are what every room stands on: `steps`, `setting`, `problem`, `limits`,
`environment`, `effort`, `cores`. Begin at `steps`: every long computation is a generator of them.
"""
