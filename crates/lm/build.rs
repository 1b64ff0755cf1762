//! Compiles `src/kernels/device.cu` where the program is built for an NVIDIA GPU.

#[cfg(feature = "cuda")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::var("OUT_DIR")?;
    let kernels = cudaforge::KernelBuilder::new().source_files(["src/kernels/device.cu"]).arg("-std=c++17").arg("-O3").build_ptx()?;
    Ok(kernels.write(std::path::Path::new(&out).join("ptx.rs"))?)
}

#[cfg(not(feature = "cuda"))]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
