"""Shipped decoders."""
