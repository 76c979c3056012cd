"""Building blocks of readers that parts of several kinds share: pictures, stores of decoded frames, untrusted files."""
