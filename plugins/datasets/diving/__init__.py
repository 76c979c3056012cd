"""Dives, or anything else that several cameras film, in a layout of labels and numbered pictures."""
