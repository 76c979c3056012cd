"""Ski-PosePTZ: alpine skiers before six cameras that pan, tilt and zoom."""
