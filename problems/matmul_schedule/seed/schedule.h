// What schedule.c defines and host.py calls.
#pragma once

// c = a * b for n x n matrices in rows: row i, column j of a is a[i * n + j]. c comes zeroed and overlaps nothing.
void multiply(int n, const double *restrict a, const double *restrict b, double *restrict c);
