"""What the pages say about prospects, and where they are looked for."""
