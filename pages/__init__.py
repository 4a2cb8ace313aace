"""The pages: one script each, read from top to bottom.

A script lays itself out, calls the parts it is made of, and as its last call watches its job.
The parts are in `parts`, in a folder named after the page. Begin reading at `ideal_class`.
"""
