//! The library against NumPy itself, by tests/numpy_compare.py.
//!
//! `CUM_TEST_PYTHON` names the interpreter (else `python3`). Without NumPy or ml_dtypes the test
//! says so and compares nothing, but with `CUM_REQUIRE_NUMPY=1` that is a failure.
#![cfg(target_os = "linux")] // the library's file name and the build folder's layout
#![forbid(unsafe_code)]

mod build_tree;

use std::io::Write;
use std::process::Command;

#[test]
fn results_are_numpys_bit_for_bit() {
    let python = std::env::var("CUM_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let missing = missing_modules(&python);
    if !missing.is_empty() {
        let sentence = format!(
            "the comparison with NumPy did not run: {python} has no {}",
            missing.join(" and no ")
        );
        let required = std::env::var("CUM_REQUIRE_NUMPY").is_ok_and(|value| value == "1");
        assert!(!required, "CUM_REQUIRE_NUMPY=1, but {sentence}");
        say(&sentence);
        return;
    }
    let done = build_tree::run(
        Command::new(&python)
            .arg(build_tree::root().join("tests/numpy_compare.py"))
            .arg(build_tree::libraries().join("libcumulative.so")),
    );
    let last = done.stdout.lines().last().unwrap_or_default();
    say(last);
    assert!(
        done.status.success(),
        "numpy_compare.py: {}\n{}\n{}",
        done.status,
        done.stdout,
        done.stderr
    );
    let count = last
        .strip_suffix(" cases compared, 0 differences")
        .and_then(|count| count.parse::<u64>().ok());
    assert!(
        count.is_some_and(|count| count > 10_000),
        "too few cases: {last:?}"
    );
}

/// Those of the modules that the interpreter cannot import; an interpreter that is not there has
/// none.
fn missing_modules(python: &str) -> Vec<&'static str> {
    let can_import = |module: &&str| {
        Command::new(python)
            .args(["-c", &format!("import {module}")])
            .output()
            .is_ok_and(|done| done.status.success())
    };
    ["numpy", "ml_dtypes"]
        .into_iter()
        .filter(|module| !can_import(module))
        .collect()
}

/// Past the capture of the test harness, which shows what `println!` printed only of tests that
/// fail.
fn say(sentence: &str) {
    let mut error = std::io::stderr().lock();
    writeln!(error, "{sentence}").expect("writing to standard error");
}
