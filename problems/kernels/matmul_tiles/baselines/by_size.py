def tiles(m, n, k):
    """Large tiles where there are enough of them to keep every multiprocessor busy, smaller ones elsewhere."""
    if m * n >= 2048 * 4096:
        return 128, 256, 64, 8, 8, 3
    if m * n >= 1024 * 2048:
        return 128, 128, 64, 8, 4, 4
    return 64, 128, 64, 8, 4, 4
