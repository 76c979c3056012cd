"""Shipped samplers."""
