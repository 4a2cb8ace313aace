"""From untrusted bytes to pixels and back.

A file is looked at before it is decoded, has a limit for everything, and means the same wherever it
is read; what is shown, saved and claimed is the 8-bit picture. Begin reading at `photos`;
`container`, `colours` and `signatures` are what it asks of a file, and `archives` opens zips.
"""
