"""Where outsiders post: in front of Django, many at once."""
