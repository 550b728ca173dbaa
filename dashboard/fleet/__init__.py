"""What the pages say about the agents: their state, their runs, their settings, their freedom."""
