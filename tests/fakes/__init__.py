"""Plugins and recipes that exist for the tests alone."""
