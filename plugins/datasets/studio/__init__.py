"""The embedded default dataset: a rendered articulated person with exact truth."""
