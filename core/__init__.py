"""The contract: what every part of poserep agrees on. Imports no plugin."""
