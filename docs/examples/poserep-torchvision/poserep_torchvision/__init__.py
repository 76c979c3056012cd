"""An encoder built on torchvision, a requirement of this package alone."""
