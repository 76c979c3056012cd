"""Packages by others: what they declare, whether they may be imported, and their faults kept from everybody else."""
