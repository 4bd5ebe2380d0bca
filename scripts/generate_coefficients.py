"""Every coefficient of contracts/math, from its definition: minimax fits in 60 digits.

    python -m scripts.generate_coefficients           rewrite the blocks and bulkhead/risk/coefficients.py
    python -m scripts.generate_coefficients --check   compare with what is committed (exit 1 when it differs)

Polynomials by the Remez exchange; the rational for Mills' ratio by Lawson-weighted Sanathanan-Koerner iterations,
which need no starting guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mpmath import atanh, cos, coth, erfc, exp, fabs, log, lu_solve, matrix, mp, mpf, nint, pi, sqrt

from benchmarks import generated
from benchmarks.generated import ROOT

GENERATOR = "scripts.generate_coefficients"
Real = mpf
Function = Callable[[Real], Real]


def _value(coefficients: list[Real], x: Real) -> Real:
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * x + c
    return total


def minimax_polynomial(f: Function, weight: Function, low: Real, high: Real, degree: int) -> list[Real]:
    """Coefficients, lowest first, that minimise the largest weight*|p - f| on [low, high]."""
    count = degree + 2
    middle, half = (low + high) / 2, (high - low) / 2
    points = [middle - half * cos(pi * i / (count - 1)) for i in range(count)]
    grid = [low + (high - low) * (1 - cos(pi * i / 1200)) / 2 for i in range(1201)]
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    fitted: list[Real] = []
    for _ in range(12):
        system, right = matrix(count, count), matrix(count, 1)
        for i, x in enumerate(points):
            for k in range(degree + 1):
                system[i, k] = x**k
            system[i, degree + 1] = -((-1) ** i) / weight(x)
            right[i] = f(x)
        solution = lu_solve(system, right)
        fitted = [solution[k] for k in range(degree + 1)]
        errors = [w * (_value(fitted, x) - v) for x, v, w in zip(grid, values, weights, strict=True)]
        runs: list[list[int]] = [[0]]
        for i in range(1, len(errors)):
            if (errors[i] > 0) == (errors[i - 1] > 0):
                runs[-1].append(i)
            else:
                runs.append([i])
        peaks = [max(run, key=lambda i: fabs(errors[i])) for run in runs]
        while len(peaks) > count:
            peaks.pop(0 if fabs(errors[peaks[0]]) < fabs(errors[peaks[-1]]) else -1)
        if len(peaks) < count:
            break
        points = [grid[i] for i in peaks]
        if max(fabs(e) for e in errors) < fabs(solution[count - 1]) * mpf("1.01"):
            break
    return fitted


def mills(x: Real) -> Real:
    """Mills' ratio of the normal law."""
    return exp(x * x / 2) * sqrt(pi / 2) * erfc(x / sqrt(mpf(2)))


def fit_mills(degree: int, limit: Real) -> tuple[list[Real], list[Real]]:
    """P of `degree` and Q one above, Q(0) = 1, with phi*|P/Q - M| nearly minimax on [0, limit]."""
    count, samples = 2 * degree + 2, 160
    edge = limit / (limit + 3)
    inner = [edge * (1 - cos(pi * (2 * i + 1) / (2 * samples))) / 2 for i in range(samples)]
    points = [3 * u / (1 - u) for u in inner]
    values = [mills(x) for x in points]
    weights = [exp(-x * x / 2) / sqrt(2 * pi) + mpf(10) ** -9 for x in points]
    divisor, lawson = [mpf(1)] * samples, [mpf(1)] * samples
    best: tuple[Real, list[Real], list[Real]] | None = None
    for step in range(30):
        system, right = matrix(count, count), matrix(count, 1)
        for x, v, w, q, share in zip(points, values, weights, divisor, lawson, strict=True):
            s = w / q * sqrt(share)
            row = [s * x**k for k in range(degree + 1)] + [-s * v * x**k for k in range(1, degree + 2)]
            for a in range(count):
                right[a] += row[a] * s * v
                for b in range(a, count):
                    system[a, b] += row[a] * row[b]
        for a in range(count):
            for b in range(a):
                system[a, b] = system[b, a]
        solution = lu_solve(system, right)
        p = [solution[k] for k in range(degree + 1)]
        q_ = [mpf(1)] + [solution[degree + k] for k in range(1, degree + 2)]
        divisor = [fabs(_value(q_, x)) for x in points]
        errors = [w * fabs(_value(p, x) / _value(q_, x) - v) for x, v, w in zip(points, values, weights, strict=True)]
        worst = max(errors)
        if best is None or worst < best[0]:
            best = (worst, p, q_)
        if step > 3:
            lawson = [share * (e / worst + mpf("0.001")) for share, e in zip(lawson, errors, strict=True)]
            top = max(lawson)
            lawson = [share / top for share in lawson]
    assert best is not None
    return best[1], best[2]


def _fixed(x: Real, bits: int) -> int:
    return int(nint(x * mpf(2) ** bits))


def coefficients() -> dict[str, list[int] | list[list[int]] | int]:
    """Everything, as integers."""
    mp.dps = 60

    def coth_half(u: Real) -> Real:
        return sqrt(u) * coth(sqrt(u) / 2) if u > 0 else mpf(2)

    def atanh_root(u: Real) -> Real:
        return 2 * atanh(sqrt(u)) / sqrt(u) if u > 0 else mpf(2)

    tiny = mpf(10) ** -6
    exponent_range, log_range = mpf("0.1202"), mpf("0.02945")  # (ln(2)/2)^2 and ((sqrt(2)-1)/(sqrt(2)+1))^2
    half = lambda u: sqrt(u) / 2 + tiny  # noqa: E731 - relative error of e^r
    root = lambda u: sqrt(u) + tiny  # noqa: E731 - absolute error of ln
    p, q = fit_mills(6, mpf(9))
    nodes = [(1 - cos((2 * k + 1) * pi / 8)) / 2 for k in range(4)]
    inverse = matrix([[t**j for j in range(4)] for t in nodes]) ** -1
    return {
        "LN2": _fixed(log(2), 64),
        "LOG2E": _fixed(1 / log(2), 64),
        "SQRT2": _fixed(sqrt(mpf(2)), 64),
        "INVERSE_SQRT_2PI": _fixed(1 / sqrt(2 * pi), 64),
        "LARGEST_SCALE": int(sqrt(mpf(15)) * 2**64),
        "MONTH_ROOT": int(sqrt(mpf(30) / 365) * mpf(2) ** 128),
        "EXP": [_fixed(c, 64) for c in minimax_polynomial(coth_half, half, mpf(0), exponent_range, 5)],
        "MOVE": [_fixed(c, 64) for c in minimax_polynomial(coth_half, half, mpf(0), exponent_range, 3)],
        "ATANH": [_fixed(c, 64) for c in minimax_polynomial(atanh_root, root, mpf(0), log_range, 6)],
        "MILLS_P": [_fixed(c, 59) for c in p] + [0],
        "MILLS_Q": [_fixed(c, 59) for c in q],
        "CHEBYSHEV_NODES": [_fixed(t, 64) for t in nodes],
        "CHEBYSHEV": [[_fixed(inverse[r, k], 64) for k in range(4)] for r in (3, 2, 1, 0)],
    }


def python_module(found: dict[str, list[int] | list[list[int]] | int]) -> str:
    """Text of bulkhead/risk/coefficients.py."""
    lines = ['"""Coefficients of the option maths, written by scripts/generate_coefficients.py: do not edit."""', ""]

    def rows(values: list[int] | list[list[int]]) -> Iterator[str]:
        for v in values:
            if isinstance(v, list):
                yield "    (" + ", ".join(str(x) for x in v) + "),"
            else:
                yield f"    {v},"

    for name, value in found.items():
        if isinstance(value, int):
            lines.append(f"{name} = {value}")
        else:
            lines += [f"{name} = (", *rows(value), ")"]
    return "\n".join(lines) + "\n"


def vyper_blocks(found: dict[str, list[int] | list[list[int]] | int]) -> dict[str, dict[str, str]]:
    """Per contract file, the text of each generated block."""

    def signed(names: dict[str, int]) -> str:
        return "\n".join(f"{name}: constant(int256) = {value}" for name, value in names.items())

    def series(prefix: str, key: str) -> str:
        values = found[key]
        assert isinstance(values, list)
        return signed({f"{prefix}{k}": c for k, c in enumerate(values) if isinstance(c, int)})

    def scalar(name: str) -> int:
        value = found[name]
        assert isinstance(value, int)
        return value

    p, q, nodes, rows = found["MILLS_P"], found["MILLS_Q"], found["CHEBYSHEV_NODES"], found["CHEBYSHEV"]
    assert isinstance(p, list) and isinstance(q, list) and isinstance(nodes, list) and isinstance(rows, list)
    packed = [f"MILLS{k}: constant(uint256) = {int(p[k]) << 128 | int(q[k])}" for k in range(7, -1, -1)]
    table = {f"T{k}": int(t) for k, t in enumerate(nodes)}
    for power, row in zip((3, 2, 1, 0), rows, strict=True):
        assert isinstance(row, list)
        table |= {f"C{power}{k}": c for k, c in enumerate(row)}
    return {
        "contracts/math/fixed.vy": {
            "constants": signed({name: scalar(name) for name in ("LN2", "LOG2E", "SQRT2")}),
            "exp": series("EXP", "EXP"),
            "move": series("MOVE", "MOVE"),
            "atanh": series("LN_", "ATANH"),
        },
        "contracts/math/normal.vy": {
            "constants": signed({"INVERSE_SQRT_2PI": scalar("INVERSE_SQRT_2PI")}),
            "mills": "\n".join(packed),
        },
        "contracts/math/phi_table.vy": {"chebyshev": signed(table)},
        "contracts/margin/marks.vy": {
            "constants": signed({name: scalar(name) for name in ("LARGEST_SCALE", "MONTH_ROOT")}),
        },
    }


def expected_files() -> dict[Path, str]:
    """Text every file should have."""
    found = coefficients()
    files = {ROOT / "bulkhead/risk/coefficients.py": python_module(found)}
    for name, blocks in vyper_blocks(found).items():
        text = (ROOT / name).read_text()
        for block, body in blocks.items():
            text = generated.with_block(text, block, body, GENERATOR)
        files[ROOT / name] = text
    return files


if __name__ == "__main__":
    raise SystemExit(generated.run(expected_files(), __doc__))
