"""The parts of the attack's page: its settings and pictures, and the laboratory.

`settings` asks how to attack, `attack` does it, `pictures` and `outcome` show what comes of it, and
`ledger_tables` lists all attempts; `kept_attacks` holds their pictures for the report that is handed
in. `laboratory` measures over many photos: `needed`, `curve`, `helps`, `adversarial_training` and
`stickers` are its runs. Begin reading at `attack`.
"""
