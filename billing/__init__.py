"""What is sold at which price, who owes and who paid."""
