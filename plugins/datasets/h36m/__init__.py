"""Human3.6M: its layouts, its camera model, its protocols."""
