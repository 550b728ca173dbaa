"""Where candidates come from: one module a kind of source, all read by `reading.read`."""
