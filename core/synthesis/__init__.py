"""Drawing what a network takes for the ideal of a class.

A canvas is shown to the network, and gradient descent changes it until an objective is met.
Begin reading at `loop`, which steps; `canvas`, `view`, `objective` and `regularisers` are its parts,
and `presets` are the ways of drawing that the app offers. `rebuilding` draws from what a layer has
made of a photo.
"""
