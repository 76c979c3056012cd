"""Building blocks of networks that parts of several kinds share: no contract, so not core."""
