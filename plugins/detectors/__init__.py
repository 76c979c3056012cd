"""Shipped detectors."""
