"""What several test modules use. No test stands in here, and no test module imports another."""
