"""Movement before the background as a field: a corruption that marks it, and a loss that pulls masks towards it."""
