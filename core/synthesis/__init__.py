"""Drawing what a network takes for the ideal of a class: canvas, view, objective, loop."""
