"""Making a photo be seen as something else by changing it less than an eye can tell."""
