"""FreiHAND: single pictures of hands with 3D joints."""
