"""What UltraCart says and how it is read."""
