"""The parts of the attack's page: its settings and pictures, and the laboratory.

`attack` has the settings, the two pictures and the ledger; `laboratory` measures over many photos.
`kept_attacks` holds the pictures for the report that is handed in. Begin reading at `attack`.
"""
