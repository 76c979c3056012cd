"""poserep: learn pose representations from ordinary video, out of parts that can be swapped."""

__version__ = "0.1.0"
