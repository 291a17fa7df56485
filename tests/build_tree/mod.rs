//! The library as programs in other languages meet it: `libcumulative.so` and `.a` in Cargo's own
//! folder, built by Cargo if they are not there or not fresh, and programs that run beside them.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// No program of the tests takes a tenth of this; one that hangs must not hang the tests.
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// The package's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder with `libcumulative.so` and `libcumulative.a`.
pub fn libraries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(build)
}

/// Asks Cargo for the library with the profile and in the folder of the running test, so that
/// what the test was compiled with is reused.
fn build() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the running test");
    // <target>[/<triple>]/<profile>/deps/<test>
    let folder = test
        .ancestors()
        .nth(2)
        .expect("a profile folder above the test")
        .to_path_buf();
    let mut target = folder
        .parent()
        .expect("a target folder above the profile's")
        .to_path_buf();
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        // dev and test share this folder; `cargo test` compiles the library with the latter
        Some("debug") => "test",
        Some(name) => name,
        None => panic!("{} has no profile's name", folder.display()),
    };
    let mut cargo = Command::new(env!("CARGO"));
    if target
        .file_name()
        .is_some_and(|name| name == triple().as_str())
    {
        cargo
            .arg("--config")
            .arg(format!("build.target = {:?}", triple()));
        target.pop();
    }
    cargo
        .current_dir(root())
        .args(["build", "--lib", "--profile", profile, "--target-dir"])
        .arg(&target);
    let done = run(&mut cargo);
    assert!(
        done.status.success(),
        "cargo build --lib failed:\n{}",
        done.stderr
    );
    for library in ["libcumulative.so", "libcumulative.a"] {
        let path = folder.join(library);
        assert!(
            path.exists(),
            "cargo build --lib made no {}",
            path.display()
        );
    }
    folder
}

/// The triple of the running test, as compilers for it are named.
pub fn triple() -> String {
    let environment = if cfg!(target_env = "musl") {
        "musl"
    } else {
        "gnu"
    };
    format!("{}-unknown-linux-{environment}", std::env::consts::ARCH)
}

/// What a program printed, and how it ended.
pub struct Finished {
    /// The exit status.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

/// Runs a program to its end without input. A program that is missing, or that takes too long,
/// is a failure of the test.
pub fn run(command: &mut Command) -> Finished {
    static COUNTER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    // Files instead of pipes: a program that is waited for cannot fill them up and stop.
    let number = COUNTER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let file = |kind: &str| {
        let name = format!("{}-{number}.{kind}", std::process::id());
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
    };
    let (out, err) = (file("stdout"), file("stderr"));
    let create = |path: &Path| {
        File::create(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(create(&out))
        .stderr(create(&err))
        .spawn()
        .unwrap_or_else(|error| panic!("{:?} cannot be run: {error}", command.get_program()));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("waiting for a program") {
            break status;
        }
        if start.elapsed() > TIME_LIMIT {
            child.kill().expect("ending a program that hangs");
            panic!("{command:?} took more than {TIME_LIMIT:?}");
        }
        sleep(Duration::from_millis(2));
    };
    let text = |path: &Path| {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        fs::remove_file(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Finished {
        status,
        stdout: text(&out),
        stderr: text(&err),
    }
}
