"""MPI-INF-3DHP: its training and test set, its calibration, its protocols."""
