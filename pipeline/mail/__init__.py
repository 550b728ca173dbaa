"""Mail that comes back, and whether ours arrives."""
