"""Shipped heads."""
