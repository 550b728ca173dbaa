"""Writing to people who have not asked, step by step."""
