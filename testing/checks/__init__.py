"""What is checked, a file per topic."""
