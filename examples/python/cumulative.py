"""NumPy arrays of any layout through libcumulative, by ctypes and without a copy.

The shared library is the one that CUM_LIBRARY names, or the build tree's.
"""

import ctypes
import os
import pathlib

import numpy as np

SUM, PROD, MAX, MIN, LOGSUMEXP = 1, 2, 3, 4, 5
EXCLUSIVE, REVERSE, INCLUDE_INITIAL = 1, 2, 4
NAN_PROPAGATE, NAN_IDENTITY, NAN_SKIP = 0, 1, 2
AXIS_NONE = -(2**31)

# A dtype's code is DLPack's type code and width. Arrays of the other byte order have dtypes that are not found here.
CODES = {
    np.dtype(np.int8): 0x0008,
    np.dtype(np.int16): 0x0010,
    np.dtype(np.int32): 0x0020,
    np.dtype(np.int64): 0x0040,
    np.dtype(np.uint8): 0x0108,
    np.dtype(np.uint16): 0x0110,
    np.dtype(np.uint32): 0x0120,
    np.dtype(np.uint64): 0x0140,
    np.dtype(np.float16): 0x0210,
    np.dtype(np.float32): 0x0220,
    np.dtype(np.float64): 0x0240,
    np.dtype(np.complex64): 0x0540,
    np.dtype(np.complex128): 0x0580,
    np.dtype(np.bool_): 0x0608,
}
try:
    import ml_dtypes  # the package that brings bfloat16 to NumPy, for those who have it
except ImportError:
    pass
else:
    CODES[np.dtype(ml_dtypes.bfloat16)] = 0x0410
DTYPES = {code: dtype for dtype, code in CODES.items()}


class Options(ctypes.Structure):
    """cum_options."""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("dtype", ctypes.c_int32),
        ("flags", ctypes.c_uint32),
        ("mode", ctypes.c_int32),
        ("nan", ctypes.c_int32),
        ("overflow", ctypes.c_int32),
        ("max_threads", ctypes.c_int32),
        ("carry_in", ctypes.c_void_p),
        ("carry_in_len", ctypes.c_size_t),
        ("carry_out", ctypes.c_void_p),
        ("carry_out_len", ctypes.c_size_t),
        ("progress", ctypes.c_void_p),
        ("user", ctypes.c_void_p),
        ("message", ctypes.c_void_p),
        ("message_size", ctypes.c_size_t),
        ("where", ctypes.c_void_p),
    ]


def _load():
    built = pathlib.Path(__file__).resolve().parents[2] / "target" / "release" / "libcumulative.so"
    library = ctypes.CDLL(os.environ.get("CUM_LIBRARY") or str(built))
    int64s = ctypes.POINTER(ctypes.c_int64)
    library.cum_scan.restype = ctypes.c_int32
    library.cum_scan.argtypes = [
        ctypes.c_int32,  # op
        ctypes.c_int32, int64s, ctypes.c_int32,  # ndim, shape, axis
        ctypes.c_void_p, ctypes.c_int32, int64s,  # x, its dtype and strides
        ctypes.c_void_p, ctypes.c_int32, int64s,  # out, likewise
        ctypes.POINTER(Options),
    ]  # fmt: skip
    library.cum_result_dtype.restype = ctypes.c_int32
    library.cum_result_dtype.argtypes = [ctypes.c_int32, ctypes.c_int32]
    library.cum_status_name.restype = ctypes.c_char_p
    library.cum_status_name.argtypes = [ctypes.c_int32]
    library.cum_last_error.restype = ctypes.c_char_p
    library.cum_last_error.argtypes = []
    return library


_library = _load()


class CumulativeError(ValueError):
    """The library refused a call; `status` is the name of its reason, such as CUM_ERR_AXIS."""

    def __init__(self, status, sentence):
        super().__init__(f"{status}: {sentence}")
        self.status = status


def _code(dtype):
    try:
        return CODES[np.dtype(dtype)]
    except KeyError:
        raise TypeError(f"arrays of {np.dtype(dtype)!r} are not supported") from None


def _int64s(values):
    return (ctypes.c_int64 * len(values))(*values)


def _scanned_shape(shape, axis, longer):
    """The shape of the result. An axis that does not exist is left for the library to name."""
    if axis is None or not shape:
        return (int(np.prod(shape, dtype=np.int64)) + longer,)
    shape = list(shape)
    if -len(shape) <= axis < len(shape):
        shape[axis] += longer
    return tuple(shape)


def scan(op, x, axis=None, dtype=None, out=None, *, flags=0, nan=NAN_PROPAGATE):
    """Scans x along an axis, or flattened; the arguments mean what they mean to numpy.cumsum.

    dtype is what the scan computes in. If it is not given, it is numpy.result_type of x and `out`, and without an `out`
    the library's choice, which is NumPy's: sums and products of small integers are computed in 64 bits. The result is
    `out`, or a new array of the computing dtype.
    """
    x = np.asarray(x)
    if dtype is not None:
        dtype = np.dtype(dtype)
    elif out is not None:
        dtype = np.result_type(x, out)
    else:
        dtype = DTYPES.get(_library.cum_result_dtype(op, _code(x.dtype)), x.dtype)

    shape = _scanned_shape(x.shape, axis, 1 if flags & INCLUDE_INITIAL else 0)
    if out is None:
        out = np.empty(shape, dtype)
    elif out.shape != shape:
        raise ValueError(f"out has the shape {out.shape}, the result {shape}")
    elif not out.flags.writeable:
        raise ValueError("out is read-only")

    options = Options(struct_size=ctypes.sizeof(Options), dtype=_code(dtype), flags=flags, nan=nan)
    status = _library.cum_scan(
        op, x.ndim, _int64s(x.shape), AXIS_NONE if axis is None else axis,
        x.ctypes.data, _code(x.dtype), _int64s(x.strides),
        out.ctypes.data, _code(out.dtype), _int64s(out.strides),
        options,
    )  # fmt: skip
    if status != 0:
        raise CumulativeError(_library.cum_status_name(status).decode(), _library.cum_last_error().decode())
    return out


def cumulative_sum(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    """numpy.cumulative_sum, but that it flattens arrays of several dimensions if no axis is given, as numpy.cumsum does."""
    return scan(SUM, x, axis, dtype, out, flags=INCLUDE_INITIAL if include_initial else 0)


def cumulative_prod(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
    """numpy.cumulative_prod, likewise."""
    return scan(PROD, x, axis, dtype, out, flags=INCLUDE_INITIAL if include_initial else 0)
