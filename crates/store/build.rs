//! Rebuilds the store when a migration is added: `migrate!` sees only the files that were there when it last ran.
#![allow(clippy::print_stdout)] // Cargo reads a build script's standard output.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
