"""What the pages say about the house itself: its state, its money, its jobs, its trail."""
