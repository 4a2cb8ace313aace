"""The parts of the training's page: which photos, what learns, and how good it became.

`training` has the settings and starts the runs; `data_set` and `webcam` are about the photos.
`evidence`, `embedding_map`, `learning_curve` and `known_before` show what came of it.
Begin reading at `training`.
"""
