SEEDS = (1, 2, 3)
