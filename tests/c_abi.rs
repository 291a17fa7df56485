//! The C face from outside: programs in C and C++ compiled against include/cumulative.h and
//! linked to both libraries, the header itself, and the names the shared library exports.
#![cfg(target_os = "linux")] // SONAME, nm and the libraries' file names
#![forbid(unsafe_code)]

mod build_tree;

use build_tree::{Finished, libraries, root, run};
use std::fs;
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Warnings are errors, in the header and in the programs.
const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

/// What the static library needs of the system.
const NATIVE: [&str; 6] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Linked {
    Shared,
    Static,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Language {
    C,
    Cxx,
}

/// A folder for what this test makes.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_abi");
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder.join(name)
}

/// The compiler `cc` finds, for the machine the test runs on.
fn compiler(language: Language) -> Command {
    let triple = build_tree::triple();
    let tool = cc::Build::new()
        .cpp(language == Language::Cxx)
        .target(&triple)
        .host(&triple)
        .opt_level(1)
        .debug(false)
        .out_dir(scratch(""))
        .cargo_metadata(false)
        .try_get_compiler()
        .unwrap_or_else(|error| panic!("no compiler for {language:?}: {error}"));
    let mut command = tool.to_command();
    command.args(STRICT).arg("-I").arg(root().join("include"));
    command
}

fn link(command: &mut Command, linked: Linked) {
    let folder = libraries();
    match linked {
        Linked::Shared => {
            let rpath = format!("-Wl,-rpath,{}", folder.display());
            command.arg("-L").arg(folder).arg(rpath).args([
                "-lcumulative",
                "-lpthread",
                "-lm",
                "-ldl",
            ])
        }
        Linked::Static => command.arg(folder.join("libcumulative.a")).args(NATIVE),
    };
}

#[track_caller]
fn expect_success(done: &Finished, what: &str) {
    assert!(
        done.status.success(),
        "{what}: {}\n{}{}",
        done.status,
        done.stdout,
        done.stderr
    );
}

/// A program that must find the library by what was linked into it alone.
fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    command
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("CUM_ISA")
        .env_remove("CUM_NUM_THREADS")
        .env("CUM_TEST_LIBRARY", libraries().join("libcumulative.so"));
    command
}

/// The sources of c_tests, by their names without `.c`.
fn sources() -> Vec<String> {
    let folder = root().join("c_tests");
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry of c_tests").file_name())
        .filter_map(|name| {
            name.to_str()
                .and_then(|name| name.strip_suffix(".c"))
                .map(str::to_owned)
        })
        .collect();
    names.sort();
    for expected in ["smoke", "errors", "layout", "threads"] {
        assert!(
            names.iter().any(|name| name == expected),
            "c_tests/{expected}.c is missing"
        );
    }
    names
}

fn compile_test(name: &str, standard: &str, linked: Linked) -> PathBuf {
    let binary = scratch(&format!("{name}-{standard}-{linked:?}"));
    let mut command = compiler(Language::C);
    command
        .arg(format!("-std={standard}"))
        .arg("-D_XOPEN_SOURCE=700") // fork, setrlimit and barriers beside strict C
        .arg(root().join("c_tests").join(format!("{name}.c")))
        .arg("-o")
        .arg(&binary);
    link(&mut command, linked);
    expect_success(
        &run(&mut command),
        &format!("compiling {name}.c as {standard}"),
    );
    binary
}

/// All C tests, linked to the shared library. Compiled once for the tests that run them.
fn shared_programs() -> &'static [(String, PathBuf)] {
    static PROGRAMS: OnceLock<Vec<(String, PathBuf)>> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let compile = |name: String| {
            let binary = compile_test(&name, "c99", Linked::Shared);
            (name, binary)
        };
        sources().into_iter().map(compile).collect()
    })
}

/// Runs a C test and returns the number of checks it says it made.
fn checks(name: &str, command: &mut Command) -> u64 {
    let done = run(command);
    expect_success(&done, &format!("{command:?}"));
    let last = done.stdout.lines().last().unwrap_or_default();
    let count = last
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix(": "))
        .and_then(|rest| rest.strip_suffix(" checks"))
        .and_then(|count| count.parse().ok());
    match count {
        Some(count) if count > 0 => count,
        _ => panic!("{name} made no checks; its last line is {last:?}"),
    }
}

#[test]
fn c_tests_pass_with_the_shared_library() {
    for (name, binary) in shared_programs() {
        println!("{name}: {} checks", checks(name, &mut program(binary)));
    }
}

#[test]
fn c_tests_pass_with_the_static_library() {
    for name in sources() {
        let binary = compile_test(&name, "c11", Linked::Static);
        println!("{name}: {} checks", checks(&name, &mut program(&binary)));
    }
}

#[test]
fn c_tests_pass_for_every_instruction_set_and_number_of_threads() {
    // The others are about what does not depend on either.
    let computing = || {
        let names = ["smoke", "typed", "options", "errors", "threads"];
        shared_programs()
            .iter()
            .filter(move |(name, _)| names.contains(&name.as_str()))
    };
    assert_eq!(computing().count(), 5);
    for isa in ["scalar", "sse2", "avx2", "avx512", "neon", "no such thing"] {
        for (name, binary) in computing() {
            checks(name, program(binary).env("CUM_ISA", isa));
        }
    }
    for threads in ["1", "3", "64", "-2", "many"] {
        for (name, binary) in computing() {
            checks(name, program(binary).env("CUM_NUM_THREADS", threads));
        }
    }
}

#[test]
fn the_header_compiles_in_every_standard_alone_and_twice() {
    let body = "int main(void) {\n  double x[3] = {1, 2, 3};\n  cum_options options;\n  \
                cum_options_init(&options, sizeof options);\n  \
                if (options.struct_size != sizeof options) return 2;\n  \
                return cum_sum_f64(x, 3, x) == CUM_OK && x[2] == 6 ? 0 : 1;\n}\n";
    let include = "#include <cumulative.h>\n";
    let cases = [
        (Language::C, "c", ["c99", "c11", "c17", "gnu99"]),
        (Language::Cxx, "cpp", ["c++11", "c++14", "c++17", "c++20"]),
    ];
    for (language, extension, standards) in cases {
        for (times, standard) in [1, 2].into_iter().flat_map(|t| standards.map(|s| (t, s))) {
            let source = scratch(&format!("header-{times}.{extension}"));
            fs::write(&source, include.repeat(times) + body).expect("writing a program");
            let binary = scratch(&format!("header-{times}-{standard}"));
            let mut command = compiler(language);
            command
                .arg(format!("-std={standard}"))
                .arg(&source)
                .arg("-o")
                .arg(&binary);
            link(&mut command, Linked::Shared);
            let what = format!("the header as {standard}, included {times} times");
            expect_success(&run(&mut command), &what);
            expect_success(&run(&mut program(&binary)), &what);
        }
    }
}

#[test]
fn options_init_is_an_initialiser_in_c_and_cxx() {
    let text = "#include <cumulative.h>\nstatic const cum_options at_file_scope = \
                CUM_OPTIONS_INIT;\nint main(void) {\n  cum_options o = CUM_OPTIONS_INIT;\n  \
                return o.struct_size == sizeof o && o.flags == 0 && !o.carry_in && !o.where &&\n    \
                at_file_scope.struct_size == sizeof o ? 0 : 1;\n}\n";
    let cases = [(Language::C, "c", "c99"), (Language::Cxx, "cpp", "c++11")];
    for (language, extension, standard) in cases {
        let source = scratch(&format!("initialiser.{extension}"));
        fs::write(&source, text).expect("writing a program");
        let binary = scratch(&format!("initialiser-{standard}"));
        let mut command = compiler(language);
        command
            .arg(format!("-std={standard}"))
            .arg(&source)
            .arg("-o")
            .arg(&binary);
        expect_success(&run(&mut command), "CUM_OPTIONS_INIT");
        expect_success(&run(&mut program(&binary)), "CUM_OPTIONS_INIT");
    }
}

/// Where this fails after a change of src/ffi.rs, `cargo build --features header` writes the new one.
#[test]
fn the_committed_header_is_what_cbindgen_makes_of_the_source() {
    let config = cbindgen::Config::from_file(root().join("cbindgen.toml"))
        .unwrap_or_else(|error| panic!("cbindgen.toml: {error}"));
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(root().join("src/ffi/types.rs"))
        .with_src(root().join("src/ffi.rs"))
        .with_src(root().join("src/ffi/typed.rs"))
        .generate()
        .unwrap_or_else(|error| panic!("cbindgen: {error}"));
    let mut fresh = Vec::new();
    bindings.write(&mut fresh);
    let path = root().join("include/cumulative.h");
    let committed = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if fresh != committed {
        let (fresh, committed) = (
            String::from_utf8_lossy(&fresh),
            String::from_utf8_lossy(&committed),
        );
        let line = fresh
            .lines()
            .zip(committed.lines())
            .take_while(|(a, b)| a == b)
            .count();
        panic!(
            "include/cumulative.h differs from line {} on; `cargo build --features header` \
             rewrites it\n  committed: {:?}\n  fresh:     {:?}",
            line + 1,
            committed.lines().nth(line),
            fresh.lines().nth(line)
        );
    }
}

#[test]
fn the_shared_library_exports_the_committed_names_and_nothing_else() {
    let list = root().join("c_tests/exports.txt");
    let text =
        fs::read_to_string(&list).unwrap_or_else(|error| panic!("{}: {error}", list.display()));
    let mut expected: Vec<&str> = text.lines().collect();
    expected.sort_unstable();
    assert!(expected.len() >= 57 && expected.iter().all(|name| name.starts_with("cum_")));
    let library = libraries().join("libcumulative.so");
    let done = run(Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(&library));
    expect_success(&done, "nm");
    let mut exported: Vec<&str> = done
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    exported.sort_unstable();
    let strangers: Vec<_> = exported
        .iter()
        .filter(|name| !expected.contains(name))
        .collect();
    let missing: Vec<_> = expected
        .iter()
        .filter(|name| !exported.contains(name))
        .collect();
    assert!(
        strangers.is_empty() && missing.is_empty() && exported.len() == expected.len(),
        "exported but not in the list: {strangers:?}; in the list but not exported: {missing:?}"
    );
}

#[test]
fn the_header_declares_the_exported_names_and_no_others() {
    let header = fs::read_to_string(root().join("include/cumulative.h")).expect("the header");
    let list = fs::read_to_string(root().join("c_tests/exports.txt")).expect("the list of exports");
    // Each prototype stands behind CUM_API and ends in a semicolon.
    let mut declared: Vec<&str> = header
        .split("\nCUM_API")
        .skip(1)
        .map(|prototype| {
            let head = prototype.split('(').next().unwrap_or_default();
            head.rsplit(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or_default()
        })
        .collect();
    declared.sort_unstable();
    let mut expected: Vec<&str> = list.lines().collect();
    expected.sort_unstable();
    assert_eq!(declared, expected);
}

#[test]
fn a_program_linked_against_the_build_tree_asks_for_the_soname_that_lies_there() {
    let library = libraries().join("libcumulative.so");
    let dynamic = |path: &Path| {
        let done = run(Command::new("readelf").arg("-d").arg(path));
        expect_success(&done, "readelf");
        done.stdout
    };
    let soname = "libcumulative.so.0";
    assert!(dynamic(&library).contains(&format!("soname: [{soname}]")));
    let (_, binary) = shared_programs().first().expect("a C test");
    assert!(dynamic(binary).contains(&format!("Shared library: [{soname}]")));
    let named = libraries().join(soname);
    let meant = |path: &Path| {
        fs::canonicalize(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    assert_eq!(meant(&named), meant(&library));
}

#[test]
fn the_example_of_the_readme_compiles_and_runs() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let example = readme
        .split("```c\n")
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next())
        .find(|block| block.contains("main("))
        .expect("a C program in README.md");
    let source = scratch("readme.c");
    fs::write(&source, format!("{example}\n")).expect("writing the example");
    for linked in [Linked::Shared, Linked::Static] {
        let binary = scratch(&format!("readme-{linked:?}"));
        let mut command = compiler(Language::C);
        command.arg("-std=c99").arg(&source).arg("-o").arg(&binary);
        link(&mut command, linked);
        expect_success(&run(&mut command), "compiling the example of the README");
        let done = run(&mut program(&binary));
        expect_success(&done, "the example of the README");
        assert!(
            !done.stdout.trim().is_empty(),
            "the example of the README prints nothing"
        );
    }
}

#[test]
fn the_python_of_the_readme_prints_what_it_says() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let (_, rest) = readme
        .split_once("```python\n")
        .expect("Python in README.md");
    let (example, _) = rest.split_once("```").expect("its end");
    let library = libraries().join("libcumulative.so");
    let named = "target/release/libcumulative.so";
    assert!(example.contains(named));
    let example = example.replace(named, library.to_str().expect("a path in UTF-8"));
    let mut python = Command::new("python3");
    if python.arg("-c").arg(&example).output().is_err() {
        eprintln!("skipped: there is no python3");
        return;
    }
    let done = run(&mut python);
    expect_success(&done, "the Python of the README");
    let (_, said) = example.split_once("# ").expect("what it prints");
    assert_eq!(done.stdout.trim(), said.trim());
}

/// c_tests/layout.c asserts the same numbers on the other side.
#[test]
fn rust_and_c_lay_the_structures_out_alike() {
    use cumulative::ffi::{cum_c64, cum_c128, cum_options};
    let pointer = size_of::<*const u8>();
    let offsets = [
        (offset_of!(cum_options, struct_size), 0),
        (offset_of!(cum_options, dtype), pointer),
        (offset_of!(cum_options, flags), pointer + 4),
        (offset_of!(cum_options, mode), pointer + 8),
        (offset_of!(cum_options, nan), pointer + 12),
        (offset_of!(cum_options, overflow), pointer + 16),
        (offset_of!(cum_options, max_threads), pointer + 20),
        (offset_of!(cum_options, carry_in), pointer + 24),
        (offset_of!(cum_options, carry_in_len), 2 * pointer + 24),
        (offset_of!(cum_options, carry_out), 3 * pointer + 24),
        (offset_of!(cum_options, carry_out_len), 4 * pointer + 24),
        (offset_of!(cum_options, progress), 5 * pointer + 24),
        (offset_of!(cum_options, user), 6 * pointer + 24),
        (offset_of!(cum_options, message), 7 * pointer + 24),
        (offset_of!(cum_options, message_size), 8 * pointer + 24),
        (offset_of!(cum_options, r#where), 9 * pointer + 24),
        (size_of::<cum_options>(), 10 * pointer + 24),
        (offset_of!(cum_c64, im), 4),
        (size_of::<cum_c64>(), 8),
        (offset_of!(cum_c128, im), 8),
        (size_of::<cum_c128>(), 16),
    ];
    for (index, (got, expected)) in offsets.into_iter().enumerate() {
        assert_eq!(got, expected, "row {index}");
    }
}
