"""Shipped body models."""
