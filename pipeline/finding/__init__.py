"""Finding companies that fit, and reading what they say of themselves."""
