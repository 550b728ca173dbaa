"""The JSON API under /api/v1/: what programs of others read and write. See docs/API.md."""
