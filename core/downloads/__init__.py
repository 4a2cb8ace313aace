"""Fetching files over HTTP, whole or not at all.

`fetch` gets one file and goes on where it was left; `shared` lets everybody who wants the same file
push one download forward. What is fetched, and where it belongs, is for `zoo.weights` and
`data.sources` to say. Begin reading at `fetch`.
"""
