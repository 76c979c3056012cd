"""Shipped backgrounds."""
