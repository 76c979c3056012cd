"""Motion for the studio: procedural, or read from recorded files."""
