"""What the pages say about leads and clients."""
