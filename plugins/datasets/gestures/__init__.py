"""Pictures of hand gestures by class."""
