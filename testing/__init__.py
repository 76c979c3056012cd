"""The conformance kit: what every part must keep to, whatever it does."""
