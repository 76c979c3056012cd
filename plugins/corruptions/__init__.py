"""Shipped corruptions."""
