"""The networks: which exist, loading them, and the Classifier that the rest of the code sees.

A network is a frozen module on RGB in [0, 1] with its normalisation inside, traced as a graph whose
layers can be looked at one by one. Begin reading at `classifier`, then `catalogue` and `loading`; `chains` and
`same_padding` only make it faster.
"""
