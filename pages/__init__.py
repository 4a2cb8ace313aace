"""One thin script per page; each lays itself out, then watches its job."""
