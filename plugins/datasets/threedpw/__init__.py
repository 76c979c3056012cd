"""3DPW: people outdoors before a phone that moves."""
