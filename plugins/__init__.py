"""The shipped parts, one file per idea."""
