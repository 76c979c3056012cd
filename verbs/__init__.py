"""What each command does, on top of core."""
