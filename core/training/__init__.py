"""From photos to a network of one's own: embeddings, a new head, fine-tuning, and how good it is.

What is frozen is computed once for each photo; what is trained learns from that within seconds.
Begin reading at `loop`: gradient descent, and around it the way from a data set to a classifier.
`settings` says what is trained and how, `network` has its two parts, `evidence` how good it is.
"""
