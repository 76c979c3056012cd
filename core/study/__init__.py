"""The engine of ablation studies: arms, stages, their store, and the statistics; torch-free."""
