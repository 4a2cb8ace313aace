"""The networks: which exist, loading them, and the Classifier that the rest of the code sees."""
