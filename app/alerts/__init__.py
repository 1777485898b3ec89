"""What is wrong, and when it is told to whom: pure, without clock, store or network."""
