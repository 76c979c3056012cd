"""Shipped exchanges."""
