#!/usr/bin/env python3
"""Compares libcumulative with NumPy, bit for bit in sequential mode.

    python3 tests/numpy_compare.py path/to/libcumulative.so [seed]

What the contract defines differently from NumPy is not compared, and nothing else:
  * the sign of zeros in float16 maxima and minima (NumPy keeps the earlier of two zeros there),
  * logsumexp beyond its tolerance (4 ulp a step),
  * the sign and payload of NaN,
  * conversions from floating point to an integer out of range (undefined in C, so in NumPy).
NumPy's complex product is fused on some machines: the script starts itself again with
NPY_DISABLE_CPU_FEATURES so that it is not. ml_dtypes rounds twice on the way to bfloat16, so
that `to_bfloat16` below rounds for it.

The last line is "N cases compared, M differences"; the exit code is 0 only if M is 0 and N is not.
"""

import itertools
import os
import subprocess
import sys

FEATURES = """
try:
    from numpy._core._multiarray_umath import __cpu_features__ as have, __cpu_dispatch__ as used
except ImportError:
    from numpy.core._multiarray_umath import __cpu_features__ as have, __cpu_dispatch__ as used
print(" ".join(name for name in used if have.get(name)))
"""


def restart_without_fused_products():
    """NumPy reads the variable while it is imported, and which names it knows depends on its version."""
    clean = {k: v for k, v in os.environ.items() if k != "NPY_DISABLE_CPU_FEATURES"}
    asked = subprocess.run([sys.executable, "-c", FEATURES], env=clean, check=True, text=True, stdout=subprocess.PIPE)
    clean["NPY_DISABLE_CPU_FEATURES"] = asked.stdout.strip()
    clean["CUM_COMPARE_RESTARTED"] = "1"
    os.execve(sys.executable, [sys.executable, os.path.abspath(__file__), *sys.argv[1:]], clean)


if __name__ == "__main__" and "CUM_COMPARE_RESTARTED" not in os.environ:
    restart_without_fused_products()

import ml_dtypes  # noqa: E402  (only after the variable is set)
import numpy as np  # noqa: E402
from numpy_binding import Library  # noqa: E402

np.seterr(all="ignore")

BF16 = np.dtype(ml_dtypes.bfloat16)
F16 = np.dtype(np.float16)
DTYPES = {
    np.dtype(np.int8): 0x0008, np.dtype(np.int16): 0x0010, np.dtype(np.int32): 0x0020, np.dtype(np.int64): 0x0040,
    np.dtype(np.uint8): 0x0108, np.dtype(np.uint16): 0x0110, np.dtype(np.uint32): 0x0120,
    np.dtype(np.uint64): 0x0140, F16: 0x0210, np.dtype(np.float32): 0x0220, np.dtype(np.float64): 0x0240,
    BF16: 0x0410, np.dtype(np.complex64): 0x0540, np.dtype(np.complex128): 0x0580, np.dtype(np.bool_): 0x0608,
}  # fmt: skip
FLOATS = [F16, BF16, np.dtype(np.float32), np.dtype(np.float64)]
COMPLEX = [np.dtype(np.complex64), np.dtype(np.complex128)]
SUM, PROD, MAX, MIN, LOGSUMEXP = 1, 2, 3, 4, 5
UFUNC = {SUM: np.add, PROD: np.multiply, MAX: np.maximum, MIN: np.minimum, LOGSUMEXP: np.logaddexp}
EXACT = (SUM, PROD, MAX, MIN)
EXCLUSIVE, REVERSE, INITIAL = 1, 2, 4
LAWFUL_FLAGS = [0, EXCLUSIVE, REVERSE, EXCLUSIVE | REVERSE, INITIAL, INITIAL | REVERSE]
NAN_IDENTITY = 1

def scan(op, x, axis, out, compute=None, flags=0, nan=0, threads=0):
    """cum_scan on NumPy arrays of any layout."""
    options = {"dtype": DTYPES.get(compute, 0), "flags": flags, "nan": nan, "max_threads": threads}
    LIBRARY.scan(op, x, DTYPES[x.dtype], axis, out, DTYPES[out.dtype], **options)


# ---------------------------------------------------------------------------- NumPy's answer


def to_bfloat16(a):
    """Rounds once. The bits that double or float would drop are gathered in its last one instead
    ("round to odd"), so that the rounding to 8 bits that follows sees all there is."""
    if a.dtype.kind in "iu" and a.dtype.itemsize == 8:
        low, limit = a & a.dtype.type(0x7FF), a.dtype.type(2**53)
        long = (a > limit) | (a < -limit) if a.dtype.kind == "i" else a > limit
        a = np.where(long & (low != 0), (a - low) | a.dtype.type(0x800), a)  # at most 53 significant bits
    a = a.astype(np.float64)
    single = a.astype(np.float32)
    inexact = np.isfinite(a) & (single.astype(np.float64) != a)
    too_large = inexact & (np.abs(single.astype(np.float64)) > np.abs(a))
    single = np.where(too_large, np.nextafter(single, np.float32(0)), single)
    odd = np.ascontiguousarray(single).view(np.uint32) | inexact.astype(np.uint32)
    return odd.view(np.float32).astype(BF16)


def convert(a, dtype):
    if a.dtype == dtype:
        return a
    if dtype == BF16 and a.dtype != np.bool_:
        return to_bfloat16(a)
    return a.astype(dtype)


def numpy_scan(op, x, axis, compute, flags=0):
    """NumPy's accumulate in the computing dtype, with flips and shifts for the flags."""
    x = convert(x.ravel() if axis is None or x.ndim == 0 else x, compute)
    axis = 0 if axis is None else axis % x.ndim if x.ndim > 1 else 0
    if flags & REVERSE:
        x = np.flip(x, axis)
    result = UFUNC[op].accumulate(x, axis=axis, dtype=compute)
    if flags & (EXCLUSIVE | INITIAL):
        start = np.full(result.shape[:axis] + (1,) + result.shape[axis + 1 :], identity(op, compute), compute)
        result = np.concatenate([start, result], axis=axis)
    if flags & EXCLUSIVE:
        result = np.take(result, range(result.shape[axis] - 1), axis)
    return np.flip(result, axis) if flags & REVERSE else result


def identity(op, dtype):
    if op in (SUM, PROD):
        return op - SUM
    if dtype == np.bool_:
        return op == MIN
    if dtype.kind in "iu":
        return np.iinfo(dtype).min if op == MAX else np.iinfo(dtype).max
    return -np.inf if op in (MAX, LOGSUMEXP) else np.inf


def can_compute(op, dtype):
    return op in (SUM, PROD) or dtype in FLOATS or (op != LOGSUMEXP and dtype not in COMPLEX)


def can_cast(a, b):
    return a not in COMPLEX or b in COMPLEX or b == np.bool_


# ---------------------------------------------------------------------------- comparing

cases = differences = 0
section_name = ""
shown = {}  # how many differences of a section were printed


def parts(a):
    """The bits of real numbers, or of both parts of complex ones, and which of them are NaN."""
    a = np.ascontiguousarray(a)
    if a.dtype in COMPLEX:
        a = a.view(np.float32 if a.dtype.itemsize == 8 else np.float64)
    nan = np.isnan(a) if a.dtype in FLOATS else np.zeros(a.shape, bool)
    return a, a.view(f"u{a.dtype.itemsize}"), nan


def report(label, x, got, expected, wrong=None):
    global differences
    differences += 1
    shown[section_name] = shown.get(section_name, 0) + 1
    if shown[section_name] > 6:
        return
    print(f"DIFFERENCE {label}\n    x ({x.dtype} {x.shape} {x.strides}) = {str(x.ravel()[:12])}")
    if wrong is not None and wrong.any():
        at = int(np.flatnonzero(wrong.ravel())[0])
        print(f"    part {at} of {wrong.size}: {parts(got)[0].ravel()[at]!r}, NumPy {parts(expected)[0].ravel()[at]!r}")
    else:
        print(f"    {got!r}, NumPy {expected!r}")


def same_bits(got, expected, either_zero=False, mask=None):
    """Which parts differ."""
    a, a_bits, a_nan = parts(got)
    b, b_bits, b_nan = parts(expected)
    equal = (a_bits == b_bits) | (a_nan & b_nan)
    if either_zero:
        equal |= (a == 0) & (b == 0)
    if mask is not None:
        equal |= mask
    return ~equal


def out_of_range(values, dtype):
    """Floating results that do not fit an integer output."""
    if dtype.kind not in "iu" or values.dtype not in FLOATS:
        return None
    wide = np.trunc(values.astype(np.float64))
    bits = 8 * dtype.itemsize
    low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1)) if dtype.kind == "i" else (0.0, 2.0**bits)
    return ~((wide >= low) & (wide < high))


def compare(label, op, x, axis, out, compute=None, flags=0, nan=0, threads=0, expected=None, near=None):
    """One case: the library into `out`, NumPy beside it, and every byte between out's elements."""
    global cases
    cases += 1
    label = f"{label}: op {op}, axis {axis}, {x.dtype} in {compute} to {out.dtype}, out {out.strides}, flags {flags}"
    dtype = compute if compute is not None else out.dtype
    if expected is None:
        expected = numpy_scan(op, x, axis, dtype, flags)
    source = x.copy()
    base, before = whole(out), None
    if base is not None:
        before = base.copy()
    try:
        scan(op, x, axis, out, compute, flags, nan, threads)
    except RuntimeError as error:
        report(f"{label}: {error}", source, None, expected)
        return
    if out.shape != expected.shape:
        report(f"{label}: shapes", source, out.shape, expected.shape)
        return
    if near is not None:
        wrong = ~near(source, out, expected)
    else:
        zero_signs_differ = dtype == F16 and op in (MAX, MIN)
        wrong = same_bits(out, convert(expected, out.dtype), zero_signs_differ, out_of_range(expected, out.dtype))
    if wrong.any():
        report(label, source, out, convert(expected, out.dtype), wrong)
    if before is not None:
        touched = np.zeros(base.shape, bool)
        place = np.ndarray(out.shape, f"V{out.itemsize}", touched, out.ctypes.data - base.ctypes.data, out.strides)
        place[...] = np.ones(out.itemsize, np.uint8).view(f"V{out.itemsize}")[0]
        if (before != base)[~touched].any():
            report(f"{label}: bytes outside the output changed", source, None, None)


def whole(out):
    """The byte buffer that `strided` made the array in."""
    base = out
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    return base if isinstance(base, np.ndarray) and base.dtype == np.uint8 and base.ndim == 1 else None


# ---------------------------------------------------------------------------- layouts and data

LAYOUTS = ("C", "F", "negative", "some negative", "sliced", "misaligned", "permuted", "broadcast")


def strided(layout, shape, dtype):
    """An uninitialised-looking array of a layout, in a byte buffer with some room around it."""
    ndim, size = len(shape), dtype.itemsize
    order = list(range(ndim - 1, -1, -1))
    gap = 3 if layout == "sliced" else 1
    if layout == "F":
        order.reverse()
    if layout == "permuted":
        RANDOM.shuffle(order)
    strides, step = [0] * ndim, size
    for d in order:
        strides[d] = step * gap
        step = strides[d] * max(shape[d], 1)
    if layout == "broadcast":
        for d in range(0, ndim, 2):
            strides[d] = 0
    if layout in ("negative", "some negative"):
        strides = [-s if layout == "negative" or d % 2 == 0 else s for d, s in enumerate(strides)]
    low = sum(min(s * (n - 1), 0) for s, n in zip(strides, shape) if n > 0)
    high = sum(max(s * (n - 1), 0) for s, n in zip(strides, shape) if n > 0)
    odd = 1 if layout == "misaligned" else 0
    buffer = np.full(high - low + size + 32 + odd, 0xA5, np.uint8)
    start = (-buffer.ctypes.data) % 16 + odd - low
    return np.ndarray(shape, dtype, buffer, start, strides) if 0 not in shape else np.empty(shape, dtype)


def placed(values, layout):
    """The values in an array of this layout (a zero stride repeats the last one written)."""
    array = strided(layout, values.shape, values.dtype)
    array[...] = values
    return array


def numbers(shape, dtype, op=SUM, through=None):
    """Data that keeps a scan interesting: integers of the full width, reals of mixed sign and scale,
    factors near 1. `through` is a type the numbers are converted to on the way in: if they are
    floating and it is an integer, they stay in its range."""
    if dtype == np.bool_:
        return RANDOM.random(shape) < (0.9 if op in (PROD, MIN) else 0.2)
    if dtype.kind in "iu":
        if op == PROD and RANDOM.random() < 0.5:
            return RANDOM.integers(0 if dtype.kind == "u" else -3, 4, shape).astype(dtype) | dtype.type(1)
        info = np.iinfo(dtype)
        return RANDOM.integers(info.min, info.max, shape, dtype, endpoint=True)
    if dtype in COMPLEX:
        half = np.dtype(np.float32 if dtype.itemsize == 8 else np.float64)
        return (numbers(shape, half, op) + 1j * numbers(shape, half, SUM)).astype(dtype)
    if through is not None and through.kind in "iu":
        return convert(RANDOM.uniform(0 if through.kind == "u" else -99, 99, shape), dtype)
    if op == PROD:
        return convert(RANDOM.choice([-1.0, 1.0], shape) * RANDOM.uniform(0.8, 1.25, shape), dtype)
    scale = 10.0 ** RANDOM.integers(-3, 4, shape) if RANDOM.random() < 0.5 else 10.0
    return convert(RANDOM.standard_normal(shape) * scale, dtype)


def specials(dtype):
    """Zeros, infinities, NaN, denormals, the ends of the range and the neighbours of 1."""
    info = ml_dtypes.finfo(dtype)
    tiny, least = float(info.smallest_normal), float(info.smallest_subnormal)
    one = [0.0, 1.0, 1.0 + float(info.eps), 3.0, float(info.max), tiny, tiny - least, least, 3 * least, np.inf]
    return convert(np.array(one + [-v for v in one] + [np.nan, float(info.max) / 2, 0.1]), dtype)


# ---------------------------------------------------------------------------- the sections


def result_dtypes():
    """cum_result_dtype against the dtypes NumPy gives by default."""
    global cases
    codes = {code: dtype for dtype, code in DTYPES.items()}
    for dtype in DTYPES:
        for op in (SUM, PROD, MAX, MIN):
            if not can_compute(op, dtype):
                continue
            x = np.ones((2, 3), dtype)
            natural = {SUM: np.cumsum, PROD: np.cumprod}.get(op, UFUNC[op].accumulate)(x, axis=1)
            cases += 1
            got = codes.get(LIBRARY.result_dtype(op, DTYPES[dtype]))
            if got != natural.dtype:
                report(f"cum_result_dtype, op {op}", x, got, natural.dtype)
            compare("default dtype", op, numbers((2, 3), dtype, op), 1, strided("C", (2, 3), natural.dtype))


def dtype_triples():
    """Every x, computing and output dtype."""
    for x_dtype, compute, out_dtype in itertools.product(DTYPES, repeat=3):
        if not (can_cast(x_dtype, compute) and can_cast(compute, out_dtype)):
            continue
        for op in EXACT:
            if not can_compute(op, compute):
                continue
            for shape, axis in (((40,), 0), ((4, 5, 3), 1), ((3, 7), None)):
                x_layout, out_layout = (LAYOUTS[i] for i in RANDOM.integers(0, 7, 2))
                x = placed(numbers(shape, x_dtype, op, compute), x_layout)
                out = strided(out_layout, (x.size,) if axis is None else shape, out_dtype)
                compare("dtypes", op, x, axis, out, compute, threads=int(RANDOM.integers(0, 3)))


SHAPES = [(), (1,), (9,), (0,), (3, 5), (1, 6), (6, 1), (4, 0, 3), (2, 3, 4), (17, 2), (2, 19), (2, 3, 2, 3)]


def axes_and_layouts():
    """Every axis of every shape, x and out in all layouts, with the direction and shift flags."""
    for dtype, shape in itertools.product(DTYPES, SHAPES):
        for axis in [None, *range(-len(shape), len(shape))] if shape else [None, 0, -1]:
            for x_layout, out_layout in itertools.product(LAYOUTS, LAYOUTS[:-1]):
                op = EXACT[int(RANDOM.integers(0, 4))]
                flags = int(RANDOM.choice(LAWFUL_FLAGS))
                if not can_compute(op, dtype):
                    op = SUM if op == MAX else PROD
                x = placed(numbers(shape, dtype, op), x_layout)
                out_shape = list(shape) if axis is not None and shape else [x.size]
                out_shape[0 if len(out_shape) == 1 else axis] += 1 if flags & INITIAL else 0
                out = strided(out_layout, tuple(out_shape), dtype)
                compare(f"{x_layout} to {out_layout}", op, x, axis, out, flags=flags)


def lengths():
    """All short lengths, and those around powers of two, in one dimension and down two columns."""
    around = [2**p + d for p in (8, 9, 10, 11, 12, 13, 15, 16) for d in (-1, 0, 1)]
    for dtype in DTYPES:
        for op in EXACT:
            if not can_compute(op, dtype):
                continue
            for n in [*range(0, 140), *around, 100003]:
                compare("length", op, numbers((n,), dtype, op), 0, np.empty(n, dtype))
                if n < 70:
                    compare("length", op, numbers((n, 2), dtype, op), 0, np.empty((n, 2), dtype))
                    compare("length", op, numbers((3, n), dtype, op), 1, np.empty((3, n), dtype))


def in_place_and_overlapping():
    """The same array in place, and outputs shifted or reversed over their own input."""
    for dtype in DTYPES:
        for op in EXACT:
            if not can_compute(op, dtype):
                continue
            for layout, flags in itertools.product(LAYOUTS[:-1], range(4)):
                both = placed(numbers((5, 7), dtype, op), layout)
                compare("in place", op, both, 1, both, flags=flags, expected=numpy_scan(op, both, 1, dtype, flags))
                both = placed(numbers((5, 7), dtype, op), layout)
                compare("in place", op, both, 0, both, flags=flags, expected=numpy_scan(op, both, 0, dtype, flags))
            for shift, step, n in itertools.product((-9, -2, -1, 1, 2, 9), (1, -1, 2), (8, 40, 300)):
                buffer = np.empty(2 * n + 40, dtype)
                buffer[...] = numbers(buffer.shape, dtype, op)
                x, out = buffer[10 : 10 + n], buffer[10 + shift :][:: abs(step)][:n][:: 1 if step > 0 else -1]
                compare("overlap", op, x, 0, out, expected=numpy_scan(op, x.copy(), 0, dtype))


def special_values():
    """All triples of special numbers along a line; all pairs of special complex numbers."""
    for dtype in FLOATS:
        triples = np.array(list(itertools.product(specials(dtype), repeat=3)), dtype)
        for op, flags in itertools.product(EXACT, range(4)):
            compare("specials", op, triples, 1, np.empty_like(triples), flags=flags)
            down = np.ascontiguousarray(triples.T)
            compare("specials", op, down, 0, np.empty_like(down), flags=flags)
            compare("specials", op, triples[:, 0].copy(), 0, np.empty(len(triples), dtype), flags=flags)
            mixed = RANDOM.permutation(triples.ravel()[np.isfinite(triples.ravel())])[:3000].reshape(60, 50)
            compare("specials", op, mixed, 1, np.empty_like(mixed), flags=flags)
    for dtype in COMPLEX:
        half = np.dtype(np.float32 if dtype.itemsize == 8 else np.float64)
        few = specials(half)[[0, 1, 2, 4, 5, 7, 9, 10, 12, 14, 17, 19, 20, 22]]
        pairs = np.array(list(itertools.product(few, repeat=4)), half).view(dtype)
        for op in (SUM, PROD):
            compare("complex specials", op, pairs, 1, np.empty_like(pairs))
            down = np.ascontiguousarray(pairs.T)
            compare("complex specials", op, down, 0, np.empty_like(down))


def all_small_values():
    """Every 8-bit pair, and every 16-bit pattern beside a random one."""
    for dtype in DTYPES:
        if dtype.itemsize == 1 and dtype != np.bool_:
            bits = np.array(list(itertools.product(range(256), repeat=2)), np.uint8)
        elif dtype.itemsize == 2:
            bits = np.stack([RANDOM.permutation(65536).astype(np.uint16) for _ in range(3)], axis=1)
        else:
            continue
        x = np.ascontiguousarray(bits).view(dtype)
        for op in EXACT:
            compare("all values", op, x, 1, np.empty_like(x))
            down = np.ascontiguousarray(x.T)
            compare("all values", op, down, 0, np.empty_like(down))


def conversions():
    """Lines of one element: nothing but the conversions, of all small values and of awkward large ones."""
    for x_dtype, out_dtype in itertools.product(DTYPES, repeat=2):
        if not can_cast(x_dtype, out_dtype):
            continue
        if x_dtype.itemsize == 2:
            x = np.arange(65536, dtype=np.uint16).view(x_dtype)
        elif x_dtype in FLOATS or x_dtype in COMPLEX:
            half = np.dtype(f"f{x_dtype.itemsize // (2 if x_dtype in COMPLEX else 1)}")
            bits = RANDOM.integers(0, 2 ** (8 * half.itemsize) - 1, 20000, np.dtype(f"u{half.itemsize}"), endpoint=True)
            near = [numbers((20000,), half), specials(half), bits.view(half)]
            near += [v.astype(half) for d in (F16, BF16) for v in ties(d)]
            powers = np.ldexp(half.type(1), np.arange(-155, 160))
            near += [np.nextafter(powers, half.type(toward)) for toward in (0, np.inf)] + [-powers]
            x = np.concatenate(near)
            x = x[: len(x) // 2 * 2].view(x_dtype) if x_dtype in COMPLEX else x
        else:
            x = numbers((20000,), x_dtype)
        x = x.reshape(-1, 1)
        if out_of_range(x, out_dtype) is not None:
            x = x[~out_of_range(x, out_dtype)].reshape(-1, 1)
        compare("conversion", SUM, x, 1, np.empty(x.shape, out_dtype))


def ties(dtype):
    """Values half-way between two neighbours of a 16-bit type, and a little beside them."""
    grid = np.arange(0x7C00 if dtype == F16 else 0x7F80, dtype=np.uint16).view(dtype).astype(np.float64)
    middle = (grid[1:] + grid[:-1]) / 2
    return middle, middle * (1 + 2.0**-50), -middle * (1 - 2.0**-50)


def large_arrays():
    """Sizes at which threads, strips and streaming stores may begin."""
    for dtype in DTYPES:
        for op in (SUM, MAX) if can_compute(MAX, dtype) else (SUM, PROD):
            x = numbers((2_000_003,), dtype, op)
            compare("large", op, x, 0, np.empty_like(x))
            for shape, axis in itertools.product(((1000, 1999), (100_000, 19), (40, 50, 999)), (0, 1, -1)):
                y = x[: np.prod(shape)].reshape(shape)
                compare("large", op, y, axis, np.empty_like(y))
            turned = x[:1_999_000].reshape(1000, 1999).T
            compare("large", op, turned, 1, np.empty(turned.shape, dtype))


def include_initial():
    """np.cumulative_sum and np.cumulative_prod of NumPy 2.1 and later."""
    if not hasattr(np, "cumulative_sum"):
        print(f"NumPy {np.__version__} has no cumulative_sum: include_initial was compared with its parts alone")
        return
    for x_dtype, out_dtype in itertools.product(DTYPES, repeat=2):
        if not can_cast(x_dtype, out_dtype):
            continue
        for (op, function), (shape, axis) in itertools.product(
            ((SUM, np.cumulative_sum), (PROD, np.cumulative_prod)),
            (((0,), 0), ((11,), 0), ((3, 4), 0), ((3, 4), -1), ((2, 0, 3), 1), ((2, 3, 4), 1)),
        ):
            x = placed(numbers(shape, x_dtype, op, out_dtype), LAYOUTS[int(RANDOM.integers(0, 8))])
            expected = function(convert(x, out_dtype), axis=axis, dtype=out_dtype, include_initial=True)
            out = np.empty(expected.shape, out_dtype)
            compare("include_initial", op, x, axis, out, flags=INITIAL, expected=expected)


def nan_as_identity():
    """np.nancumsum and np.nancumprod."""
    for dtype in [*FLOATS, *COMPLEX]:
        for op, shape in itertools.product((SUM, PROD), ((1,), (50,), (1000,), (6, 7), (3, 4, 5))):
            for axis, layout in itertools.product([None, *range(len(shape))], LAYOUTS):
                values = numbers(shape, dtype, op)
                values[RANDOM.random(shape) < 0.3] = np.nan
                if dtype in COMPLEX:
                    values[RANDOM.random(shape) < 0.1] = complex(1, np.nan)
                x = placed(values, layout)
                if dtype == BF16:  # NumPy does not know that it can hold NaN
                    clean = np.where(np.isnan(x), BF16.type(identity(op, dtype)), x)
                    expected = numpy_scan(op, clean, axis, dtype)
                else:
                    function = np.nancumsum if op == SUM else np.nancumprod
                    expected = function(x, axis=axis, dtype=dtype)
                out = strided(LAYOUTS[int(RANDOM.integers(0, 7))], expected.shape, dtype)
                compare("nan identity", op, x, axis, out, nan=NAN_IDENTITY, expected=expected)


def logsumexp():
    """Each step against NumPy's logaddexp in a wider type, from our own result before it; the whole
    line against NumPy's accumulate with a tolerance that grows by the steps."""
    for dtype in FLOATS:
        wide = np.longdouble if dtype == np.float64 else np.float64
        info = ml_dtypes.finfo(dtype)

        def ulp(a):
            exponent = np.frexp(np.maximum(np.abs(a), wide(float(info.smallest_normal))))[1]
            return np.ldexp(wide(1), exponent - 1 - int(info.nmant))

        def step_by_step(x, out, expected):
            x, r, e = (np.asarray(a).astype(wide) for a in (x, out, expected))
            first = (x[:, :1] == r[:, :1]) | (np.isnan(x[:, :1]) & np.isnan(r[:, :1]))
            before, value, after = r[:, :-1], x[:, 1:], r[:, 1:]
            exact = np.logaddexp(before, value)
            # half an ulp of the type for the rounding of the comparison value itself, where it is no wider
            largest = np.maximum(np.maximum(np.abs(before), np.abs(value)), np.abs(exact))
            slack = 4.5 if wide(1) + np.finfo(np.float64).eps / 2 == 1 else 4.001
            good = np.abs(after - exact) <= slack * ulp(np.where(np.isfinite(largest), largest, 0))
            good |= (after == exact) | (np.isnan(after) & np.isnan(exact))
            high = np.where(np.isfinite(x), np.abs(x), 0).max(initial=1) + 8
            whole_line = (r == e) | (np.isnan(r) & np.isnan(e)) | (np.abs(r - e) <= 9 * x.shape[1] * ulp(wide(high)))
            return np.concatenate([first, good], axis=1) & whole_line

        for n, scale in itertools.product((1, 2, 5, 40, 700), (0.1, 1.0, 5.0, 30.0, 80.0)):
            x = convert(RANDOM.standard_normal((6, n)) * scale, dtype)
            compare("logsumexp", LOGSUMEXP, x, 1, np.empty_like(x), near=step_by_step)
            out = strided("F", (6, n), dtype)
            compare("logsumexp", LOGSUMEXP, placed(x, "negative"), 1, out, near=step_by_step)
        pairs = np.array(list(itertools.product(specials(dtype), repeat=2)), dtype)
        compare("logsumexp of specials", LOGSUMEXP, pairs, 1, np.empty_like(pairs), near=step_by_step)
        if dtype.itemsize == 2:
            bits = np.stack([RANDOM.permutation(65536).astype(np.uint16) for _ in range(2)], axis=1)
            x = bits.view(dtype)
            compare("logsumexp of all values", LOGSUMEXP, x, 1, np.empty_like(x), near=step_by_step)


def the_numpy_functions():
    """cumsum and cumprod as they are called, with and without a dtype, on what their manual shows."""
    table = np.array([[1, 2, 3], [4, 5, 6]])
    for x, axis in itertools.product((table, table * 0.5, np.array([1, 2, 3]), np.array(10)), (None, 0, -1)):
        if x.ndim < 1 and axis is not None:
            continue
        for op, function in ((SUM, np.cumsum), (PROD, np.cumprod)):
            for dtype in (None, np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.float32)):
                if dtype is not None and dtype.kind == "i" and x.dtype.kind == "f":
                    continue
                expected = function(x, axis=axis, dtype=dtype)
                compare("as called", op, x, axis, np.empty(expected.shape, expected.dtype), expected=expected)


def complex_product_is_fused():
    a, b = (np.full(64, v) for v in (complex(1 + 2.0**-30, 1), complex(1 - 2.0**-30, 1)))
    product = np.multiply(a, b).real
    return bool((product != (a.real * b.real - a.imag * b.imag)).any())


def main():
    global section_name
    print(f"NumPy {np.__version__}, ml_dtypes {ml_dtypes.__version__}, seed {SEED}, {sys.argv[1]}")
    print(f"NPY_DISABLE_CPU_FEATURES={os.environ.get('NPY_DISABLE_CPU_FEATURES', '')}")
    if complex_product_is_fused():
        print("NumPy fuses complex products here whatever NPY_DISABLE_CPU_FEATURES says: they cannot be compared")
        return 1
    for section in (
        the_numpy_functions, result_dtypes, dtype_triples, axes_and_layouts, lengths, in_place_and_overlapping,
        special_values, all_small_values, conversions, large_arrays, include_initial, nan_as_identity, logsumexp,
    ):  # fmt: skip
        before = cases, differences
        section_name = section.__name__
        section()
        print(f"{section_name}: {cases - before[0]} cases, {differences - before[1]} differences", flush=True)
    print(f"{cases} cases compared, {differences} differences")
    return 0 if differences == 0 and cases > 0 else 1


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 20261122
    RANDOM = np.random.default_rng(SEED)
    LIBRARY = Library(sys.argv[1])
    sys.exit(main())
