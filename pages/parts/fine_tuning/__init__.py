"""The parts of the training's page: which photos, what learns, and how good it became.

`origins` asks where the photos come from (`data_set` and `webcam` are about them), `settings` how
they are learned from, and `runs` computes. `results` shows what came of it, with `evidence`, and
`understanding` why, with `embedding_map`, `learning_curve` and `known_before`. Begin reading at
`runs`.
"""
