"""Looking inside: what the layers of a network make of a photo, how, from what, and whether it matters.

Nothing here is trained or drawn; everything is read off forward passes, and gradients for `saliency`.
Begin reading at `maps`, which has the activations; `computation` takes one of their numbers apart,
`contributions` goes from channel to channel, `ablation` switches channels off, `mosaic` makes pictures.
"""
