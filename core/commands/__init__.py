"""The verbs of the command line, a module for each page of the app.

Each declares its options and runs the same generators as the page; `shared` has what they have in
common. Begin reading at `core.__main__`, then at `ideal`, which is short.
"""
