# EVOLVE-BLOCK-START
def tiles(m, n, k):
    """Return rows, columns and depth of a tile, rows of tiles in a group, warps, and stages of the pipeline."""
    rows = 64
    columns = 64
    depth = 32
    group = 1
    warps = 4
    stages = 2
    return rows, columns, depth, group, warps, stages


# EVOLVE-BLOCK-END
