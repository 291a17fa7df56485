#!/usr/bin/env python3
"""Times libcumulative beside NumPy, and PyTorch if it is installed, on the same arrays in one process.

    python3 benches/compare.py [--library FILE] [--json FILE] [--seconds S] [--quick] [FILTER]...

The cases are those of benches/cases.txt whose name contains one of the filters; all without a
filter. The library is loaded through ctypes, and called from a loop in C so that what ctypes costs
is not counted; without a C compiler the calls are ctypes' own, and that is said. NumPy is called as
directly as can be, by the ufunc's `accumulate` into an array that is there. Before anything is
timed, results are compared with NumPy's: bit for bit in sequential mode.
"""

import argparse
import ctypes
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
except ImportError:
    sys.exit("This wants NumPy: pip install numpy")

BENCHES = pathlib.Path(__file__).resolve().parent
ROOT = BENCHES.parent
sys.path.insert(0, str(ROOT / "tests"))
from numpy_binding import Options, int64s  # noqa: E402  (tests/ is no package)

try:
    import torch
except ImportError:
    torch = None

# name: (NumPy's type, cum_dtype)
TYPES = {
    "f16": (np.float16, 0x0210), "f32": (np.float32, 0x0220), "f64": (np.float64, 0x0240),
    "c128": (np.complex128, 0x0580), "u8": (np.uint8, 0x0108), "u64": (np.uint64, 0x0140),
    "i32": (np.int32, 0x0020), "i64": (np.int64, 0x0040),
}  # fmt: skip
# name: (NumPy's ufunc, cum_op)
OPS = {"sum": (np.add, 1), "prod": (np.multiply, 2), "max": (np.maximum, 3)}
FLAGS = {"exclusive": 1, "reverse": 2, "initial": 4}
SWITCHED = ["uniform", "noise", "zeros", "spikes", "sine", "ints", "normal", "climbs"]
MODES = {"reassociate": 1, "compensated": 2}

SAMPLE_NS = 100_000  # a sample repeats a short call for about so long
FEWEST_ROUNDS, MOST_ROUNDS = 5, 1000

LOOPS = """
#include <string.h>
#include "cumulative.h"

typedef cum_status scan(cum_op, int32_t, const int64_t *, int32_t, const void *, cum_dtype, const int64_t *,
                        void *, cum_dtype, const int64_t *, const cum_options *);

cum_status repeat_scan(uint64_t times, scan *volatile call, cum_op op, int32_t ndim, const int64_t *shape,
                       int32_t axis, const void *x, cum_dtype x_dtype, const int64_t *x_strides, void *out,
                       cum_dtype out_dtype, const int64_t *out_strides, const cum_options *options)
{
    cum_status status = CUM_OK;
    while (status == CUM_OK && times-- > 0)
        status = call(op, ndim, shape, axis, x, x_dtype, x_strides, out, out_dtype, out_strides, options);
    return status;
}

void repeat_copy(uint64_t times, void *out, const void *x, size_t bytes)
{
    void *(*volatile copy)(void *, const void *, size_t) = memcpy;
    while (times-- > 0)
        copy(out, x, bytes);
}
"""


# ---------------------------------------------------------------------------- the table of cases


class Case:
    def __init__(self, line):
        columns = line.split(maxsplit=11)
        if len(columns) != 12:
            raise ValueError(f"cases.txt: {len(columns)} columns in {line!r}")
        self.name, op, x, out, shape, axis, layout, self.data, options, threads, targets, self.label = columns
        self.layout, _, behind = layout.partition("+")
        self.behind = int(behind) if behind else None
        self.ufunc, self.op = OPS[op]
        self.x_type, self.x_code = TYPES[x]
        self.out_type, self.out_code = TYPES[out]
        self.shape = tuple(int(float(extent)) for extent in shape.split("x"))
        self.axis = int(axis)
        self.options = set(options.split("+")) - {"-"}
        unknown = self.options - FLAGS.keys() - MODES.keys() - {"nan-identity"}
        if unknown:
            raise ValueError(f"cases.txt: unknown options {unknown} in {line!r}")
        self.threads = int(threads)
        self.whole_call = "ns<=" in targets
        at_least = re.search(r"numpy>=([\d.]+)", targets)
        self.at_least = float(at_least.group(1)) if at_least else None

    @property
    def exact(self):
        return not self.options & MODES.keys()

    def shrink(self):
        most = {1: 3001, 2: 67}.get(len(self.shape), 17)
        self.shape = tuple(min(extent, most) for extent in self.shape)


def cases(filters):
    lines = (BENCHES / "cases.txt").read_text(encoding="utf-8").splitlines()
    table = [Case(line) for line in lines if line and not line.startswith("#")]
    chosen = [case for case in table if not filters or any(word in case.name for word in filters)]
    if not chosen:
        sys.exit(f"no case is called {' or '.join(filters)}")
    return chosen


def numbers(case, shape):
    """What cases.txt says of the data, in double precision."""
    random = np.random.default_rng(1)
    size = int(np.prod(shape))

    def spikes():
        made = random.standard_normal(size)
        made[10::64], made[42::64] = 1e16, -1e16
        return made

    def climbs():
        made = (0.5 + random.random(size)) * 2.0 ** (np.arange(size) % 40)
        for top in range(39, size, 40):
            made[top] = random.random() - made[top - 39 : top].sum()
        return made

    def switching():
        made = np.empty(size)
        for start in range(0, size, 500):
            kind = SWITCHED[start // 500 % len(SWITCHED)]
            made[start : start + 500] = kinds[kind]()[start : start + 500]
        return made

    kinds = {
        "uniform": lambda: random.random(size),
        "normal": lambda: random.standard_normal(size),
        "sine": lambda: np.sin(np.arange(size) / 100),
        "noise": lambda: np.diff(random.standard_normal(size), prepend=0.0),
        "zeros": lambda: np.zeros(size),
        "ints": lambda: random.integers(0, 100, size).astype(np.float64),
        "near-one": lambda: random.uniform(0.99, 1.01, size),
        "holes": lambda: np.where(random.random(size) < 0.01, np.nan, random.random(size)),
        "range": lambda: random.choice([-1.0, 1.0], size) * 10.0 ** random.uniform(-300, 300, size),
        "spikes": spikes,
        "climbs": climbs,
        "switching": switching,
    }
    made = kinds[case.data]()
    return made.reshape(shape)


def arrays(case):
    """The input and the output, as views where the layout has gaps."""
    out_shape = list(case.shape)
    out_shape[case.axis] += "initial" in case.options
    if case.layout == "step2":
        doubled = [2 * extent for extent in case.shape]
        x = numbers(case, doubled).astype(case.x_type)[(slice(None, None, 2),) * len(case.shape)]
        out = np.zeros([2 * extent for extent in out_shape], case.out_type)
        return x, out[(slice(None, None, 2),) * len(out_shape)]
    x = numbers(case, case.shape).astype(case.x_type)
    if case.x_type == np.complex128:
        x += 1j * numbers(case, case.shape)
        if case.data == "near-one":
            x *= 0.5**0.5
    out = np.zeros(out_shape, case.out_type)
    if case.behind is not None:
        x, out = placed(x, case.behind), placed(out, case.behind)
    if case.layout == "transposed":
        x = np.asfortranarray(x)
    elif case.layout != "c":
        raise ValueError(f"cases.txt: unknown layout {case.layout}")
    return x, out


def placed(array, behind):
    """A copy that begins so many bytes behind a page."""
    memory = np.empty(array.nbytes + 4096 + behind, np.uint8)
    start = -memory.ctypes.data % 4096 + behind
    copy = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def along(case, start, stop):
    """An index that cuts the scanned axis."""
    return (slice(None),) * case.axis + (slice(start, stop),)


# ---------------------------------------------------------------------------- who is timed


class Library:
    """libcumulative, and the loops that call it."""

    def __init__(self, path):
        self.path = path
        self.library = ctypes.CDLL(str(path))
        pointer, code = ctypes.c_void_p, ctypes.c_int32
        arguments = [code, code, pointer, code, pointer, code, pointer, pointer, code, pointer, pointer]
        self.scan = self.library.cum_scan
        self.scan.argtypes, self.scan.restype = arguments, code
        self.library.cum_last_error.restype = ctypes.c_char_p
        self.library.cum_isa.restype = ctypes.c_char_p
        self.library.cum_version.restype = ctypes.c_char_p
        self.loops = self.compile_loops()
        if self.loops:
            self.loops.repeat_scan.argtypes = [ctypes.c_uint64, pointer, *arguments]
            self.loops.repeat_scan.restype = code
            self.loops.repeat_copy.argtypes = [ctypes.c_uint64, pointer, pointer, ctypes.c_size_t]
            self.loops.repeat_copy.restype = None

    @staticmethod
    def compile_loops():
        compiler = os.environ.get("CC") or shutil.which("cc")
        if not compiler:
            return None
        with tempfile.TemporaryDirectory() as folder:
            source, binary = os.path.join(folder, "loops.c"), os.path.join(folder, "loops.so")
            pathlib.Path(source).write_text(LOOPS, encoding="utf-8")
            command = [compiler, "-O2", "-shared", "-fPIC", "-I", str(ROOT / "include"), "-o", binary, source]
            subprocess.run(command, check=True)
            return ctypes.CDLL(binary)

    def fail(self):
        raise RuntimeError(self.library.cum_last_error().decode())

    def scanner(self, case, x, out):
        """A function that does the case so many times."""
        # A whole call without options has nothing but the arrays; else one thread has to be asked for.
        options = None
        if case.options or not case.whole_call:
            options = Options(
                struct_size=ctypes.sizeof(Options),
                flags=sum(FLAGS[name] for name in case.options & FLAGS.keys()),
                mode=sum(MODES[name] for name in case.options & MODES.keys()),
                nan=int("nan-identity" in case.options),
                max_threads=case.threads,
            )
        # NULL strides where they are enough, as a C caller would.
        strides = [None if a.flags.c_contiguous else int64s(a.strides) for a in (x, out)]
        # The arguments hold what the pointers point to.
        arguments = (
            case.op, x.ndim, int64s(x.shape), case.axis, x.ctypes.data, case.x_code, strides[0],
            out.ctypes.data, case.out_code, strides[1], None if options is None else ctypes.byref(options),
        )  # fmt: skip

        def looped(times):
            if self.loops.repeat_scan(times, ctypes.cast(self.scan, ctypes.c_void_p), *arguments) != 0:
                self.fail()

        def called(times):
            for _ in range(times):
                if self.scan(*arguments) != 0:
                    self.fail()

        return looped if self.loops else called

    def copier(self, case, x, out):
        """memcpy of half the bytes that a scan reads and writes."""
        size = int(np.prod(case.shape)) * (x.itemsize + out.itemsize) // 2
        source = x if x.nbytes >= size else np.ones(size, np.uint8)
        if self.loops:
            return lambda times: self.loops.repeat_copy(times, out.ctypes.data, source.ctypes.data, size)

        def called(times):
            for _ in range(times):
                ctypes.memmove(out.ctypes.data, source.ctypes.data, size)

        return called


def numpy_scanner(case, x, out):
    """NumPy's result of the case by its fastest spelling. Compensated and reassociated sums are
    compared with the plain ones, the only ones NumPy has."""
    accumulate, axis, dtype = case.ufunc.accumulate, case.axis, np.dtype(case.out_type)
    if "nan-identity" in case.options:
        call = {np.add: np.nancumsum, np.multiply: np.nancumprod}[case.ufunc]
        return repeated(lambda: call(x, axis, dtype, out))
    if "reverse" in case.options:
        x, out = np.flip(x, axis), np.flip(out, axis)
    if case.options & {"exclusive", "initial"}:
        first, rest = out[along(case, 0, 1)], out[along(case, 1, None)]
        read = x[along(case, 0, -1)] if "exclusive" in case.options else x
        identity = case.ufunc.identity
        if identity is None:
            raise ValueError(f"{case.name}: NumPy shows no identity of {case.ufunc}")

        def call():
            first[...] = identity
            accumulate(read, axis, dtype, rest)

        return repeated(call)
    return repeated(lambda: accumulate(x, axis, dtype, out))


def torch_scanner(case, x, out):
    """PyTorch's, or None where it has no such scan on such an array."""
    if torch is None or "nan-identity" in case.options or "reverse" in case.options:
        return None
    if case.out_type == np.uint64:
        out = out.view(np.int64)  # PyTorch's sums of unsigned integers are signed
    read, written = torch.from_numpy(x), torch.from_numpy(out)
    axis = case.axis
    first = written.narrow(axis, 0, 1)
    shown = {np.add: 0, np.multiply: 1}.get(case.ufunc)
    rest = written
    if case.options & {"exclusive", "initial"}:
        rest = written.narrow(axis, 1, written.shape[axis] - 1)
        read = read.narrow(axis, 0, rest.shape[axis])
    if case.ufunc is np.maximum:
        indices = torch.empty(rest.shape, dtype=torch.int64)  # it always finds these as well
        scan = lambda: torch.cummax(read, axis, out=(rest, indices))  # noqa: E731
    else:
        function = {np.add: torch.cumsum, np.multiply: torch.cumprod}[case.ufunc]
        scan = lambda: function(read, axis, dtype=rest.dtype, out=rest)  # noqa: E731

    def call():
        if rest is not written:
            first.fill_(shown)
        scan()

    torch.set_num_threads(case.threads)
    try:
        call()
    except RuntimeError as error:
        print(f"{case.name:<28}without PyTorch: {error}")
        return None
    return repeated(scan if rest is written else call)


def repeated(call):
    def repeat(times):
        for _ in range(times):
            call()

    return repeat


# ---------------------------------------------------------------------------- timing


def timed(repeat, times):
    start = time.perf_counter_ns()
    repeat(times)
    return time.perf_counter_ns() - start


def times_in_a_sample(repeat):
    times = 1
    while True:
        taken = timed(repeat, times)
        if taken >= SAMPLE_NS:
            return times
        times = min(max(SAMPLE_NS * times // max(taken, 1) + 1, times + 1), 8 * times)


def interleaved(candidates, seconds):
    """Nanoseconds of one call by name, one value a round; the candidates take turns, back and forth."""
    start = time.perf_counter()
    times = {name: times_in_a_sample(repeat) for name, repeat in candidates.items()}
    rounds = {name: [] for name in candidates}
    for round_ in range(MOST_ROUNDS):
        if round_ >= FEWEST_ROUNDS and time.perf_counter() - start >= seconds:
            break
        for name in list(candidates)[:: -1 if round_ % 2 else 1]:
            candidates[name](1)  # leaves the caches as this candidate leaves them
            rounds[name].append(timed(candidates[name], times[name]) / times[name])
    return rounds


def ratio(a, b):
    """How many times as long a took: the median over the rounds."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def difference(got, expected, tolerance):
    """What differs, or None; a tolerance of None asks for the same bits."""
    if tolerance is None:
        bits = [a.view(np.uint8).reshape(*a.shape, -1) for a in map(np.ascontiguousarray, (got, expected))]
        wrong = (bits[0] != bits[1]).any(axis=-1)
    else:
        wrong = ~np.isclose(got, expected, rtol=tolerance, atol=tolerance)
    if not wrong.any():
        return None
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return f"{int(wrong.sum())} elements differ, the first at {at}: {got[at]}, not {expected[at]}"


def result_of(repeat, out):
    out[...] = 77
    repeat(1)
    return out.copy()


def check(case, candidates, out):
    """What is wrong with somebody's result, or None. NumPy's are taken to be right."""
    expected = result_of(candidates["numpy"], out)
    floating = np.issubdtype(case.out_type, np.inexact)
    # All terms are positive where the order is free, so that n roundings bound the error.
    rounding = expected.size * float(np.finfo(case.out_type).eps) if floating else None
    found = difference(result_of(candidates["library"], out), expected, None if case.exact else rounding)
    if found:
        return found
    if "torch" in candidates and case.out_type != np.float16:  # there PyTorch adds in float32
        found = difference(result_of(candidates["torch"], out), expected, rounding)
    return f"PyTorch: {found}" if found else None


# ---------------------------------------------------------------------------- results


def results(case, rounds):
    units = 1 if case.whole_call else int(np.prod(case.shape))
    library = rounds["library"]
    targets = []
    if case.at_least is not None:
        reached = ratio(rounds["numpy"], library)
        targets.append(
            {"against": "numpy", "at_least": case.at_least, "reached": reached, "met": reached >= case.at_least}
        )
    return {
        "name": case.name,
        "label": case.label,
        "elements": int(np.prod(case.shape)),
        "unit": "call" if case.whole_call else "element",
        "threads": case.threads,
        "rounds": len(library),
        "ns": {
            name: {"median": statistics.median(taken) / units, "min": min(taken) / units}
            for name, taken in rounds.items()
        },
        "library_over": {name: ratio(library, taken) for name, taken in rounds.items() if name != "library"},
        "over_copy": {name: ratio(taken, rounds["copy"]) for name, taken in rounds.items()},
        "targets": targets,
    }


COLUMNS = "{:<28}{:>9}{:>11}{:>10}{:>10}{:>10}{:>8}  {}"


def line(result):
    def times_as_fast(name):
        return f"{1 / result['library_over'][name]:.1f}" if name in result["library_over"] else "-"

    def ns(name):
        return f"{result['ns'][name]['median']:.3f}" if name in result["ns"] else "-"

    verdict = ", ".join(f">= {t['at_least']:g} {'ok' if t['met'] else 'MISS'}" for t in result["targets"])
    return COLUMNS.format(
        result["name"], times_as_fast("numpy"), times_as_fast("torch"),
        ns("library"), ns("numpy"), ns("torch"), ns("copy"), verdict,
    )  # fmt: skip


def processor():
    """As scan.rs names it."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return f"{platform.machine()} on {platform.system()}"
    found = {}
    for key, value in re.findall(r"^(model name|cpu family|model)\s*: *(.*)$", text, re.M):
        found.setdefault(key, value)
    if "model name" not in found:
        return f"{platform.machine()} on {platform.system()}"
    return f"{found['model name']} (family {found.get('cpu family')}, model {found.get('model')})"


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def commit():
    if not shutil.which("git"):
        return None
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    answer = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return answer.stdout.strip() or None


def find_library():
    """The release build below CARGO_TARGET_DIR or target/."""
    names = {"Darwin": "libcumulative.dylib", "Windows": "cumulative.dll"}
    name = names.get(platform.system(), "libcumulative.so")
    for target in (os.environ.get("CARGO_TARGET_DIR"), ROOT / "target"):
        if target and (found := pathlib.Path(target) / "release" / name).is_file():
            return found
    sys.exit(f"no {name} below target/release: run `cargo build --release` first, or give --library FILE")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("filters", nargs="*", metavar="FILTER")
    parser.add_argument("--library", type=pathlib.Path, help="the shared library; target/release's without it")
    parser.add_argument("--json", type=pathlib.Path, help="writes the results to this file")
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each case (1.0)")
    parser.add_argument("--quick", action="store_true", help="small sizes, once, as a test of the results")
    arguments = parser.parse_args()

    path = (arguments.library or find_library()).resolve()
    if not path.exists():
        sys.exit(f"There is no library at {path}.")
    library = Library(path)
    about = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "processor": processor(),
        "cores": cores(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "isa": library.library.cum_isa().decode(),
        "version": library.library.cum_version().decode(),
        "commit": commit(),
        "quick": arguments.quick,
        "library_called_from": "C" if library.loops else "ctypes",
        "numpy": np.__version__,
        "torch": torch.__version__ if torch else None,
        "python": platform.python_version(),
    }
    print(f"cumulative {about['version']} ({about['isa']})")
    print(f"NumPy {np.__version__}, PyTorch {about['torch'] or 'not installed'}")
    print(f"on {about['processor']}, {about['cores']} cores, {about['date']}")
    if not arguments.quick:
        if not library.loops:
            print("No C compiler: the library is called through ctypes, which adds about a microsecond to each call.")
        if about["load"] is not None and about["load"] > 0.5:
            print(f"The machine was busy in the last minute (load {about['load']:.2f}): expect noise.")
        print("x NumPy, x PyTorch: how many times as long they take. ns: medians, for an element.")
        print(COLUMNS.format("case", "x NumPy", "x PyTorch", "ns", "NumPy", "PyTorch", "copy", "target"))

    done, wrong, skipped = [], [], 0
    for case in cases(arguments.filters):
        if case.threads > about["cores"]:
            print(f"{case.name:<28}skipped: this process may use one core only")
            skipped += 1
            continue
        if arguments.quick:
            case.shrink()
        x, out = arrays(case)
        candidates = {
            "library": library.scanner(case, x, out),
            "copy": library.copier(case, x, out),
            "numpy": numpy_scanner(case, x, out),
            "torch": torch_scanner(case, x, out),
        }
        candidates = {name: repeat for name, repeat in candidates.items() if repeat}
        found = check(case, candidates, out)
        if found:
            print(f"{case.name:<28}WRONG: {found}")
            wrong.append(case.name)
            continue
        if arguments.quick:
            rounds = {name: [timed(repeat, 1)] for name, repeat in candidates.items()}
            print(f"{case.name:<28}ok")
        else:
            rounds = interleaved(candidates, arguments.seconds)
            print(line(results(case, rounds)), flush=True)
        done.append(results(case, rounds))

    if arguments.json:
        text = json.dumps({**about, "cases": done}, indent=1, ensure_ascii=False)
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    if arguments.quick:
        print(f"{len(done)} passed, {len(wrong)} failed, {skipped} skipped")
    else:
        verdicts = [target["met"] for result in done for target in result["targets"]]
        print(f"{sum(verdicts)} targets met, {verdicts.count(False)} missed; {skipped} cases skipped")
    if wrong:
        sys.exit(f"results that differ from NumPy's: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
