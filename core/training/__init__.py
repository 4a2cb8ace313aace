"""From photos to a network of one's own: data, split, embeddings, head, evidence, storage."""
