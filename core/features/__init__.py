"""Looking inside: what the layers of a network make of a photo, and where it looks."""
