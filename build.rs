//! Names the shared library (SONAME), and with the feature `header` rewrites include/cumulative.h.

use std::env;
use std::path::PathBuf;

/// The name programs ask for at run time. Below 1.0 it changes with the minor version only if the
/// interface does.
const SONAME: &str = "libcumulative.so.0";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    println!("cargo:include={}", manifest.join("include").display());

    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{SONAME}");
        // Worker threads may be inside the library when a program closes it.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        link_soname();
    }

    #[cfg(feature = "header")]
    header(&manifest);
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("Cargo sets {name} for build scripts"))
}

/// Puts a link of the SONAME beside the library, so that a program linked against the build tree
/// also runs from it.
fn link_soname() {
    // OUT_DIR is <target>/<profile>/build/<package>/out.
    let out = PathBuf::from(variable("OUT_DIR"));
    let Some(profile) = out.ancestors().nth(3) else {
        println!("cargo:warning=no build folder above OUT_DIR: {SONAME} is not linked");
        return;
    };
    let link = profile.join(SONAME);
    if link.symlink_metadata().is_ok() {
        return;
    }
    #[cfg(unix)]
    if let Err(error) = std::os::unix::fs::symlink("libcumulative.so", &link) {
        println!("cargo:warning={}: {error}", link.display());
    }
}

#[cfg(feature = "header")]
fn header(manifest: &std::path::Path) {
    println!("cargo:rerun-if-changed=src/ffi.rs");
    println!("cargo:rerun-if-changed=src/ffi");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    let config = cbindgen::Config::from_file(manifest.join("cbindgen.toml"))
        .unwrap_or_else(|error| panic!("cbindgen.toml: {error}"));
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(manifest.join("src/ffi/types.rs"))
        .with_src(manifest.join("src/ffi.rs"))
        .with_src(manifest.join("src/ffi/typed.rs"))
        .generate()
        .unwrap_or_else(|error| panic!("cbindgen: {error}"));
    bindings.write_to_file(manifest.join("include/cumulative.h"));
}
