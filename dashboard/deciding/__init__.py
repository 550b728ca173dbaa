"""What waits for the operator, and all that is needed to decide it."""
