"""The parts that pages are made of: a folder for each page, and `shared` for what several use.

A part is named after what it shows, which is often a module of `core` by the same name.
Pages and parts may use `shared`; `links` there, which describes links, knows the parts of all pages.
Begin reading at `shared`.
"""
