"""cum_scan and cum_result_dtype through ctypes, for tests/numpy_compare.py."""

import ctypes
import os

AXIS_NONE = -(2**31)


class Options(ctypes.Structure):
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


def int64s(values):
    return (ctypes.c_int64 * max(len(values), 1))(*values)


class Library:
    """A shared library that was loaded from a path."""

    def __init__(self, path):
        library = ctypes.CDLL(os.path.abspath(path))
        pointer, code = ctypes.c_void_p, ctypes.c_int32
        self._scan = library.cum_scan
        self._scan.argtypes = [code, code, pointer, code, pointer, code, pointer, pointer, code, pointer, pointer]
        self._scan.restype = code
        self.result_dtype = library.cum_result_dtype
        self.result_dtype.argtypes = [code, code]
        self.result_dtype.restype = code
        self._last_error = library.cum_last_error
        self._last_error.restype = ctypes.c_char_p

    def scan(self, op, x, x_code, axis, out, out_code, **options):
        """On objects that tell shape, strides and address as NumPy's arrays do; axis None flattens."""
        filled = Options(struct_size=ctypes.sizeof(Options), **options)
        status = self._scan(
            op,
            x.ndim,
            int64s(x.shape),
            AXIS_NONE if axis is None else axis,
            x.ctypes.data,
            x_code,
            int64s(x.strides),
            out.ctypes.data,
            out_code,
            int64s(out.strides),
            ctypes.byref(filled),
        )
        if status != 0:
            raise RuntimeError(f"status {status}: {self._last_error().decode()}")
