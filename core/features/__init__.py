"""Looking inside: what the layers of a network make of a photo, and where it looks.

Nothing here is trained or drawn; everything is read off forward passes, and gradients for `saliency`.
Begin reading at `maps`, which has the activations; `mosaic` makes pictures of them.
"""
