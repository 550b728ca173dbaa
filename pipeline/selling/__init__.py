"""From a booked call to a client: deals, what was said, proposals, and winning them."""
