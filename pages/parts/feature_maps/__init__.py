"""The parts of the feature maps' page: one layer's maps, the network's picture, and more views.

`maps` shows a layer as a mosaic and one channel of it, `diagram` lets a layer be chosen.
`tour`, `compare`, `where` and `filters` are the other views. Begin reading at `maps`.
"""
