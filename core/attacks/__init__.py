"""Making a photo be seen as something else by changing it less than an eye can tell.

An attack is a loss, a step and a projection; what it achieved is measured on the saved picture only.
Begin reading at `loop`, with `goal` and `norm` beside it; then `report`, which measures.
`defences`, `robustness` and `sticker` build on these.
"""
