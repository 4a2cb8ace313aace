"""The parts of the attack's page: its dials and pictures, and the laboratory.

`attack` has the dials, the two pictures and the ledger; `laboratory` measures over many photos.
`kept_attacks` holds the pictures for the report that is handed in. Begin reading at `attack`.
"""
