#!/usr/bin/env python3
"""Fits the polynomials of kernels/polynomials_internal.h and writes that header to stdout; errors go to stderr.

Minimax fits by the Remez exchange (Remez, C. R. Acad. Sci. 199 (1934) 337) in exact rational arithmetic, then each
coefficient rounded to float. Needs nothing but Python's standard library.
"""
import math
import struct
import sys
from fractions import Fraction


def solve(matrix, right):
    """Gauss elimination on Fractions."""
    n = len(right)
    rows = [list(map(Fraction, row)) + [Fraction(b)] for row, b in zip(matrix, right)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda k: abs(rows[k][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for k in range(i + 1, n):
            factor = rows[k][i] / rows[i][i]
            rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i])]
    x = [Fraction(0)] * n
    for i in reversed(range(n)):
        x[i] = (rows[i][n] - sum(rows[i][k] * x[k] for k in range(i + 1, n))) / rows[i][i]
    return x


def horner(coefficients, t):
    total = 0.0
    for c in reversed(coefficients):
        total = total * t + float(c)
    return total


def remez(function, weight, low, high, degree, rounds=12, grid=3000):
    """Coefficients, lowest first, that make the largest |weight (p - function)| on [low, high] least."""
    n = degree + 2
    nodes = [0.5 * (low + high) - 0.5 * (high - low) * math.cos(math.pi * (k + 0.5) / n) for k in range(n)]
    points = [low + (high - low) * 0.5 * (1 - math.cos(math.pi * i / grid)) for i in range(grid + 1)]
    values = [function(t) for t in points]
    weights = [weight(t) for t in points]
    for _ in range(rounds):
        matrix = [[Fraction(t) ** k for k in range(degree + 1)] + [Fraction((-1) ** i / weight(t))]
                  for i, t in enumerate(nodes)]
        coefficients = solve(matrix, [function(t) for t in nodes])[:-1]
        error = [w * (horner(coefficients, t) - v) for t, v, w in zip(points, values, weights)]
        nodes = extrema(points, error, n) or nodes
    return [float(c) for c in coefficients], max(map(abs, error))


def extrema(points, error, n):
    """The n points of largest alternating error; None when there are fewer."""
    picked = []
    for t, e in zip(points, error):
        if picked and (picked[-1][1] > 0) == (e > 0):
            if abs(e) > abs(picked[-1][1]):
                picked[-1] = (t, e)
        else:
            picked.append((t, e))
    while len(picked) > n:
        picked.pop(0 if abs(picked[0][1]) < abs(picked[-1][1]) else -1)
    return [t for t, _ in picked] if len(picked) == n else None


def normal_quantile_upper(p):
    """z with upper tail probability p in (0, 1/2]: Newton on log erfc, from a bisection start."""
    low, high = 0.0, 8.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if 0.5 * math.erfc(middle / math.sqrt(2)) > p else (low, middle)
    z = 0.5 * (low + high)
    for _ in range(3):
        tail = 0.5 * math.erfc(z / math.sqrt(2))
        z += (tail - p) / (math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi))
    return z


def normal_ratio(w):
    """z / x where x = 1 - 2 p and w = -log(4 p (1 - p)) = -log(1 - x^2)."""
    x = math.sqrt(-math.expm1(-w))
    if x < 1e-2:
        return math.sqrt(math.pi / 2) * (1 + math.pi / 12 * x**2 + 7 * math.pi**2 / 480 * x**4)
    p = 0.5 * math.exp(-w) / (1 + x) if x > 0.5 else 0.5 * (1 - x)
    return normal_quantile_upper(p) / x


def log_rest(f):
    """(log(1 + f) - f) / f^2."""
    if abs(f) < 1e-2:
        return sum((-1) ** (k + 1) * f ** (k - 2) / k for k in range(2, 12))
    return (math.log1p(f) - f) / (f * f)


def exp_rest(r):
    """(exp(r) - 1 - r) / r^2."""
    if abs(r) < 0.1:
        return sum(r ** (k - 2) / math.factorial(k) for k in range(2, 14))
    return (math.expm1(r) - r) / (r * r)


def to_float(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def write(name, comment, fit):
    coefficients, error = fit
    first, *rest = [to_float(c).hex().replace("0000000p", "p") + "F" for c in reversed(coefficients)]
    print(f"\n/* {comment}; relative error {error:.1e} before rounding. */")
    print(f"static inline float {name}(float t)\n{{\n    float y = {first};\n")
    for c in rest:
        print(f"    y = __builtin_fmaf(y, t, {c});")
    print("    return y;\n}")
    print(f"{name}: {error:.2e}", file=sys.stderr)


SPLIT, LAST = 6.25, 31 * math.log(2)

print("""/* polynomials_internal.h - minimax polynomials of log, exp and the normal quantile. Written by fit_polynomials.py. */
#ifndef MHO_KERNELS_POLYNOMIALS_INTERNAL_H
#define MHO_KERNELS_POLYNOMIALS_INTERNAL_H""")
root = math.sqrt(0.5)
write("log_polynomial", "(log(1 + f) - f) / f^2 for 1 + f in sqrt(1/2) .. sqrt(2)",
      remez(log_rest, lambda f: abs(f) + 1e-9 if abs(f) < 1e-6 else f * f / abs(math.log1p(f)),
            root - 1 - 1e-6, 2 * root - 1 + 1e-6, 8))
half = 0.5 * math.log(2) + 1e-5
write("exp_polynomial", "(exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2",
      remez(exp_rest, lambda r: r * r / math.exp(r) + 1e-9, -half, half, 4))
write("normal_centre_polynomial", f"z / x in t = w - {SPLIT / 2}, w = -log(1 - x^2) in 0 .. {SPLIT}",
      remez(lambda t: normal_ratio(t + SPLIT / 2), lambda t: 1 / normal_ratio(t + SPLIT / 2),
            -SPLIT / 2, SPLIT / 2 + 1e-3, 9))
middle = 3.5
write("normal_tail_polynomial", f"z / x in t = sqrt(w) - {middle}, w in {SPLIT} .. 31 log 2",
      remez(lambda t: normal_ratio((t + middle) ** 2), lambda t: 1 / normal_ratio((t + middle) ** 2),
            math.sqrt(SPLIT) - 1e-3 - middle, math.sqrt(LAST) + 1e-3 - middle, 8))
print(f"\n#define MHO_NORMAL_SPLIT {SPLIT}F")
print(f"#define MHO_NORMAL_TAIL_SHIFT {middle}F\n\n#endif")
