"""What NumPy's users know, through the library: axes, dtypes, `out`, include_initial, layouts, and an error."""

import numpy as np

from cumulative import CumulativeError, cumulative_prod, cumulative_sum


def show(what, result):
    print(f"{what}: {result.tolist()} {result.dtype}")


a = np.array([[1, 2, 3], [4, 5, 6]])
show("flattened", cumulative_sum(a))
show("axis 0", cumulative_sum(a, axis=0))
show("axis 1", cumulative_sum(a, axis=1))
show("axis -1, product", cumulative_prod(a, axis=-1))
show("a scalar", cumulative_sum(10))
show("nothing", cumulative_sum(np.empty((0, 2)), axis=0))
show("with the initial value", cumulative_sum(a, axis=1, include_initial=True))
show("with the initial value, product", cumulative_prod(a, include_initial=True))

print()
show("computed in float32", cumulative_sum(a[0], dtype=np.float32))
show("int16 in 64 bits", cumulative_sum(np.array([32767, 1], np.int16)))
show("int16 in its own", cumulative_sum(np.array([32767, 1], np.int16), dtype=np.int16))
show("uint32 in 64 bits", cumulative_sum(np.array([2**32 - 1, 1], np.uint32)))
show("bool in 64 bits", cumulative_sum(np.array([True, False, True])))
show("bool in its own", cumulative_sum(np.array([False, True, False]), dtype=np.bool_))
show("float16, rounded at each step", cumulative_sum(np.array([2048, 1, 1, 3], np.float16)))
show("complex64", cumulative_prod(np.array([1 + 1j, 1 - 1j, 2j], np.complex64)))
show("complex128", cumulative_sum(np.array([1 + 2j, 3 - 1j])))

print()
out = np.zeros((3, 2), np.float64, order="F")
show("into an array of the caller's", cumulative_sum(a.T, axis=0, out=out))
show("which it is", out)
show("backwards", cumulative_sum(a[:, ::-1], axis=1))
show("every second column", cumulative_sum(a[:, ::2], axis=1))
show("a row that is broadcast", cumulative_sum(np.broadcast_to(a[1], (2, 3)), axis=0))
packed = np.zeros(3, dtype=[("tag", "i1"), ("value", "f8")])
packed["value"] = [0.5, 0.25, 0.125]
show("unaligned", cumulative_sum(packed["value"]))
b = np.arange(1.0, 6.0)
show("in place", cumulative_sum(b, out=b))
c = np.arange(1.0, 6.0)
show("onto itself, shifted", cumulative_sum(c[:-1], out=c[1:]))

print()
try:
    cumulative_sum(a, axis=2)
except CumulativeError as error:
    print(f"axis 2 of 2: {error.status}")
