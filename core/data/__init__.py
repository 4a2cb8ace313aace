"""Photos with classes: folders, zips and named data sets, in one shape.

A data set is listed before it is read, and what is left out is told with its reason.
Begin reading at `datasets` for the shape, `photo_files` for which photo is of which class, and
`sources` for the data sets with a name; `prefetch` fetches them, and networks, beforehand.
"""
