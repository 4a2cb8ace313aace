"""Taking home: a trained network as files, and a run as a script of plain PyTorch.

A bundle holds weights, ONNX, labels, a model card and `predict.py`, which runs without this app.
A script repeats what a run did in at most 100 lines and needs nothing of this app either.
Begin reading at `bundle`, and for scripts at `drawing_script.script`; `notebook_form` makes cells of one.
"""
