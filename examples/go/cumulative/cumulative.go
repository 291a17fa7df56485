// Package cumulative scans Go slices, as arrays of any number of dimensions, through the C library of that name.
package cumulative

/*
#cgo CFLAGS: -I${SRCDIR}/../../../include
#cgo LDFLAGS: -lcumulative
#include <cumulative.h>

// A goroutine may be on another thread in its next call, where cum_last_error knows nothing of the failure: the sentence
// goes into a buffer of the caller's. The options are made here, on the C side, because Go memory that is passed to C
// may not hold pointers to other Go memory.
static cum_status scan(cum_op op, int32_t ndim, const int64_t *shape, int32_t axis, const void *x, void *out,
                       cum_dtype dtype, int32_t nan, char *message, size_t message_size)
{
	cum_options options;
	cum_options_init(&options, sizeof options);
	options.nan = nan;
	options.message = message;
	options.message_size = message_size;
	return cum_scan(op, ndim, shape, axis, x, dtype, NULL, out, dtype, NULL, &options);
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Op is the operation that a scan applies.
type Op C.cum_op

const (
	Sum  Op = C.CUM_SUM
	Prod Op = C.CUM_PROD
	Max  Op = C.CUM_MAX
	Min  Op = C.CUM_MIN
)

// NaN says what becomes of elements that are not a number.
type NaN int32

const (
	Propagate NaN = C.CUM_NAN_PROPAGATE // everything behind one is NaN
	Identity  NaN = C.CUM_NAN_IDENTITY  // they are as if they were not there
	Skip      NaN = C.CUM_NAN_SKIP      // likewise, but each stays where it stood
)

// Element is a type that the library computes in.
type Element interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64 | complex64 | complex128
}

func dtypeOf[T Element]() C.cum_dtype {
	var zero T
	switch any(zero).(type) {
	case int8:
		return C.CUM_I8
	case int16:
		return C.CUM_I16
	case int32:
		return C.CUM_I32
	case int64:
		return C.CUM_I64
	case uint8:
		return C.CUM_U8
	case uint16:
		return C.CUM_U16
	case uint32:
		return C.CUM_U32
	case uint64:
		return C.CUM_U64
	case float32:
		return C.CUM_F32
	case float64:
		return C.CUM_F64
	case complex64:
		return C.CUM_C64
	default:
		return C.CUM_C128
	}
}

// Scan scans x, an array of the given extents in C order, along an axis and returns an array of the same extents.
func Scan[T Element](op Op, x []T, shape []int64, axis int, nan NaN) ([]T, error) {
	out := make([]T, len(x))
	return out, ScanInto(op, out, x, shape, axis, nan)
}

// ScanInto is Scan into an array of the caller's, which may be x itself.
func ScanInto[T Element](op Op, out, x []T, shape []int64, axis int, nan NaN) error {
	elements := int64(1)
	for _, extent := range shape {
		elements *= extent
	}
	if elements != int64(len(x)) || len(out) != len(x) {
		return fmt.Errorf("cumulative: shape %v, but %d elements in and %d out", shape, len(x), len(out))
	}
	var message [256]C.char
	status := C.scan(C.cum_op(op), C.int32_t(len(shape)), (*C.int64_t)(first(shape)), C.int32_t(axis),
		unsafe.Pointer(first(x)), unsafe.Pointer(first(out)), dtypeOf[T](), C.int32_t(nan),
		&message[0], C.size_t(len(message)))
	if status != C.CUM_OK {
		return fmt.Errorf("cumulative: %s: %s", C.GoString(C.cum_status_name(status)), C.GoString(&message[0]))
	}
	return nil
}

// first is a pointer to the first element, or nil: of an empty slice &s[0] would panic.
func first[T any](s []T) *T {
	if len(s) == 0 {
		return nil
	}
	return &s[0]
}
