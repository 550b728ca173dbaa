"""What the pages say about sequences, the inbox, and whether mail arrives."""
