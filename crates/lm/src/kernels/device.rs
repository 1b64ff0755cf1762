//! What candle has no operation for on an NVIDIA GPU, or several: products of f32 with bf16 that lose nothing, attention of one token to what is cached of its
//! text, SwiGLU, and drawing tokens where their logits are.
use super::attention::Heads;
use super::plain::Turn;
use crate::{Decoding, Drawn};
use candle_core::backend::{BackendDevice, BackendStorage};
use candle_core::cuda_backend::cudarc::cublas::{result::gemm_ex, sys};
use candle_core::cuda_backend::cudarc::driver::{
    CudaSlice, CudaView, DevicePtr, DevicePtrMut, DeviceRepr, LaunchConfig, PushKernelArg, sys as driver,
};
use candle_core::cuda_backend::{CudaDType, CudaDevice, WrapErr};
use candle_core::{CpuStorage, CudaStorage, CustomOp1, CustomOp2, D, Device, InplaceOp2, Layout, Result, Shape, Storage, Tensor, bail};
use half::bf16;

/// The first NVIDIA GPU of this machine.
pub fn first() -> Result<Device> {
    let device = CudaDevice::new(0)?;
    // SAFETY: all that is computed there goes through one stream, which keeps its order; events, two for each tensor, are for several.
    unsafe { device.disable_event_tracking() };
    keep_freed();
    Ok(Device::Cuda(device))
}

/// Where the driver takes memory from, and puts what is freed; none where the card has no such pool.
fn pool() -> Option<driver::CUmemoryPool> {
    let mut pool = std::ptr::null_mut();
    // SAFETY: the place outlives the call; device 0 has been opened.
    unsafe { driver::cuDeviceGetDefaultMemPool(&raw mut pool, 0) }.result().ok().map(|()| pool)
}

/// Lets the driver keep memory that is freed for what is asked for next: otherwise it goes back whenever a result is waited for, at every token. Where
/// there is no pool, nothing is lost but time.
fn keep_freed() {
    let mut all = u64::MAX;
    if let Some(pool) = pool() {
        let threshold = driver::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        // SAFETY: the attribute is a number of 64 bits, and its place outlives the call.
        let _ = unsafe { driver::cuMemPoolSetAttribute(pool, threshold, (&raw mut all).cast()) };
    }
}

/// Gives back what [`first`] lets the driver keep: after a model is loaded, for which more is needed than for what follows.
pub fn trim() {
    if let Some(pool) = pool() {
        // SAFETY: what is in use stays.
        let _ = unsafe { driver::cuMemPoolTrimTo(pool, 0) };
    }
}

/// The compiled `device.cu`.
mod ptx {
    include!(concat!(env!("OUT_DIR"), "/ptx.rs"));
}

/// Numbers of bf16 that one of f32 is the sum of.
const PARTS: usize = 3;
/// Rows up to which their parts are multiplied in one product, which reads the matrix once; of more, one part after another, which needs a third of the
/// memory.
const STACKED: usize = 128;
/// Threads of a block, and blocks at most: each thread takes what is left over in turns.
const THREADS: u32 = 256;
const BLOCKS: usize = 4096;

/// `x·W`, or `x·Wᵀ` where `transposed`, in f32: `x` [n, k] f32, `matrix` [k, m] or [m, k] bf16, dense.
///
/// `x` is taken as three numbers of bf16 that add up to it, so that tensor cores multiply without rounding and sum in f32: the product of the widened
/// matrix but for the order of sums, and three times the work of a product in bf16.
pub fn product(x: &Tensor, matrix: &Tensor, transposed: bool) -> Result<Tensor> {
    x.contiguous()?.apply_op2_no_bwd(matrix, &Product { transposed })
}

struct Product {
    transposed: bool,
}

impl CustomOp2 for Product {
    fn name(&self) -> &'static str {
        "product"
    }
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("a product of f32 with bf16 is for an NVIDIA GPU")
    }
    fn cuda_fwd(&self, x: &CudaStorage, x_layout: &Layout, matrix: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let ((n, k), (rows, columns)) = (x_layout.shape().dims2()?, layout.shape().dims2()?);
        let (shared, m) = if self.transposed { (columns, rows) } else { (rows, columns) };
        if shared != k {
            bail!("a product of {n} × {k} with {rows} × {columns} is none");
        }
        let (x, matrix) = (dense::<f32>(x, x_layout)?, dense::<bf16>(matrix, layout)?);
        let gemm = Gemm { device, matrix, transposed: self.transposed, m, k };
        // SAFETY: `split` writes all of it.
        let mut parts = unsafe { device.alloc::<bf16>(PARTS * n * k)? };
        launch_each(device, "split", &x, &mut parts, n * k)?;
        // SAFETY: a product whose β is 0, or `join`, writes all of it.
        let mut y = unsafe { device.alloc::<f32>(n * m)? };
        if n <= STACKED {
            // SAFETY: the product writes all of it.
            let mut stacked = unsafe { device.alloc::<f32>(PARTS * n * m)? };
            gemm.add(&parts.slice(..), PARTS * n, 0.0, &mut stacked)?;
            launch_each(device, "join", &stacked.slice(..), &mut y, n * m)?;
        } else {
            // The smallest first.
            for part in (0..PARTS).rev() {
                let beta = if part + 1 == PARTS { 0.0 } else { 1.0 };
                gemm.add(&parts.slice(part * n * k..(part + 1) * n * k), n, beta, &mut y)?;
            }
        }
        Ok((CudaStorage::wrap_cuda_slice(y, device.clone()), Shape::from((n, m))))
    }
}

/// The values of a dense tensor.
fn dense<'a, T: CudaDType>(storage: &'a CudaStorage, layout: &Layout) -> Result<CudaView<'a, T>> {
    let Some((start, end)) = layout.contiguous_offsets() else { bail!("an operand is not dense") };
    Ok(storage.as_cuda_slice::<T>()?.slice(start..end))
}

/// Runs a kernel of `device.cu` that makes `count` values, or so many of each part, from as many.
fn launch_each<A: DeviceRepr, B: DeviceRepr>(
    device: &CudaDevice,
    kernel: &str,
    from: &CudaView<'_, A>,
    to: &mut CudaSlice<B>,
    count: usize,
) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let function = device.get_or_load_custom_func(kernel, "lm", ptx::DEVICE)?;
    let mut builder = function.builder();
    builder.arg(from).arg(to).arg(&count);
    // SAFETY: the kernel's arguments are these, and it stays within `count` values of each part.
    unsafe { builder.launch(of_values(count)) }.w()?;
    Ok(())
}

/// Blocks for a kernel that makes so many values one by one.
fn of_values(count: usize) -> LaunchConfig {
    let blocks = count.div_ceil(THREADS as usize).min(BLOCKS) as u32;
    LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (THREADS, 1, 1), shared_mem_bytes: 0 }
}

/// Products of rows in bf16 with one matrix, [k, m] or, where `transposed`, [m, k], into f32.
struct Gemm<'a> {
    device: &'a CudaDevice,
    matrix: CudaView<'a, bf16>,
    transposed: bool,
    m: usize,
    k: usize,
}

impl Gemm<'_> {
    /// `y = β·y + rows·W`: `rows` [n, k], `y` [n, m].
    fn add(&self, rows: &CudaView<'_, bf16>, n: usize, beta: f32, y: &mut CudaSlice<f32>) -> Result<()> {
        if n == 0 || self.m == 0 {
            return Ok(());
        }
        let alpha = 1f32;
        let (blas, stream) = (self.device.cublas_handle(), self.device.cuda_stream());
        let ((matrix, _held), (rows, _kept), (y, _written)) =
            (self.matrix.device_ptr(&stream), rows.device_ptr(&stream), y.device_ptr_mut(&stream));
        // cuBLAS goes down columns, in which a matrix row after row is its transpose: yᵀ = Wᵀ·rowsᵀ.
        let (operation, lead) =
            if self.transposed { (sys::cublasOperation_t::CUBLAS_OP_T, self.k) } else { (sys::cublasOperation_t::CUBLAS_OP_N, self.m) };
        // SAFETY: the three arrays hold what the sizes say, and stay until the stream has gone on.
        unsafe {
            gemm_ex(
                *blas.handle(),
                operation,
                sys::cublasOperation_t::CUBLAS_OP_N,
                self.m as i32,
                n as i32,
                self.k as i32,
                (&raw const alpha).cast(),
                matrix as *const _,
                sys::cudaDataType_t::CUDA_R_16BF,
                lead as i32,
                rows as *const _,
                sys::cudaDataType_t::CUDA_R_16BF,
                self.k as i32,
                (&raw const beta).cast(),
                y as *mut _,
                sys::cudaDataType_t::CUDA_R_32F,
                self.m as i32,
                sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
                sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT_TENSOR_OP,
            )
        }
        .w()
    }
}

/// [`crate::sampler::draw`] of each row of `logits` [rows, vocabulary] with its number of `uniforms`; top-k is passed over. What comes back from the GPU is
/// three numbers a row.
pub fn draw(logits: &Tensor, uniforms: &[f64], decoding: &Decoding) -> Result<Vec<Drawn>> {
    let uniforms = Tensor::new(uniforms, logits.device())?;
    let drawn = logits
        .contiguous()?
        .apply_op2_no_bwd(&uniforms, &Draw { temperature: decoding.temperature as f32, top_p: decoding.top_p })?
        .to_vec2::<f32>()?;
    let of = |row: &Vec<f32>| match row[..] {
        // Whole numbers up to 2²⁴ are numbers of f32.
        [token, log_prob, entropy] => Ok(Drawn { token: token as u32, log_prob, entropy }),
        _ => bail!("a draw is three numbers"),
    };
    drawn.iter().map(of).collect()
}

struct Draw {
    temperature: f32,
    top_p: f64,
}

impl CustomOp2 for Draw {
    fn name(&self) -> &'static str {
        "draw"
    }
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("drawing where the logits are is for an NVIDIA GPU")
    }
    fn cuda_fwd(&self, logits: &CudaStorage, layout: &Layout, uniforms: &CudaStorage, of: &Layout) -> Result<(CudaStorage, Shape)> {
        let device = logits.device();
        let (rows, vocabulary) = layout.shape().dims2()?;
        let (logits, uniforms) = (dense::<f32>(logits, layout)?, dense::<f64>(uniforms, of)?);
        if rows != of.shape().elem_count() || !(1..1 << 24).contains(&vocabulary) {
            bail!("{rows} rows of {vocabulary} logits cannot be drawn from");
        }
        let greedy = u32::from(self.temperature <= 0.0);
        let temperature = if greedy == 1 { 1.0 } else { self.temperature };
        // SAFETY: the kernel writes all of it.
        let mut drawn = unsafe { device.alloc::<f32>(3 * rows)? };
        let function = device.get_or_load_custom_func("draw", "lm", ptx::DEVICE)?;
        let mut builder = function.builder();
        let count = vocabulary as u32;
        builder.arg(&logits).arg(&uniforms).arg(&mut drawn).arg(&count).arg(&temperature).arg(&self.top_p).arg(&greedy);
        let size = LaunchConfig { grid_dim: (rows as u32, 1, 1), block_dim: (1024, 1, 1), shared_mem_bytes: 0 };
        // SAFETY: the kernel's arguments are these; a block of 32 warps reads one row and writes its three numbers.
        unsafe { builder.launch(size) }.w()?;
        Ok((CudaStorage::wrap_cuda_slice(drawn, device.clone()), Shape::from((rows, 3))))
    }
}

/// silu(gate)·up of the two halves of each row of `x` [rows, 2 · width].
pub fn swiglu(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1_no_bwd(&SwiGlu)
}

struct SwiGlu;

impl CustomOp1 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("this SwiGLU is for an NVIDIA GPU")
    }
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let (rows, both) = layout.shape().dims2()?;
        let (count, width) = (rows * both / 2, (both / 2) as u32);
        let x = dense::<f32>(x, layout)?;
        // SAFETY: the kernel writes all of it.
        let mut y = unsafe { device.alloc::<f32>(count)? };
        if count > 0 {
            let function = device.get_or_load_custom_func("swiglu", "lm", ptx::DEVICE)?;
            let mut builder = function.builder();
            builder.arg(&x).arg(&mut y).arg(&count).arg(&width);
            // SAFETY: the kernel's arguments are these, and it reads two values for each of `count` that it writes.
            unsafe { builder.launch(of_values(count)) }.w()?;
        }
        Ok((CudaStorage::wrap_cuda_slice(y, device.clone()), Shape::from((rows, both / 2))))
    }
}

/// Width of the widest head that [`attend`] takes.
pub const WIDEST_HEAD: usize = 256;
/// Warps of a block that attends, and of one that puts heads into the cache.
const ATTENDING: u32 = 8;
const REMEMBERING: u32 = 4;

/// Attention [texts, query heads × width] of one token of each text to what is cached of it and to itself, whose key and value are put into the cache.
/// `qkv` [texts, row]; `kept` [keys and values, texts, key/value heads, room, width], of which `seen` positions are there; `starts` [texts] u32: where each
/// text begins.
pub fn attend(qkv: &Tensor, heads: Heads, turn: &Turn, kept: &Tensor, starts: &Tensor, seen: usize) -> Result<Tensor> {
    let qkv = qkv.contiguous()?;
    let op = Attend { heads, turn, starts, seen };
    kept.inplace_op2(&qkv, &op)?;
    qkv.apply_op2_no_bwd(kept, &op)
}

struct Attend<'a> {
    heads: Heads,
    turn: &'a Turn,
    starts: &'a Tensor,
    /// Positions before the one that is put.
    seen: usize,
}

/// What both kernels of [`attend`] are told, as in `device.cu`. Three addresses on the GPU, the last 0 where there is no norm.
#[repr(C)]
#[derive(Clone, Copy)]
struct Cached {
    cosines: u64,
    sines: u64,
    norm: u64,
    texts: u32,
    query_heads: u32,
    heads: u32,
    width: u32,
    half: u32,
    room: u32,
    seen: u32,
    epsilon: f32,
}

// SAFETY: numbers in the order and the widths of the struct of this name in `device.cu`.
unsafe impl DeviceRepr for Cached {}

impl Attend<'_> {
    /// Calls `launch` with what heads are turned by, normed as keys or as queries, while it stays where it is.
    fn with_cached(&self, device: &CudaDevice, kept: &Layout, of_keys: bool, launch: impl FnOnce(Cached) -> Result<()>) -> Result<()> {
        let (_, texts, heads, room, width) = kept.shape().dims5()?;
        if (heads, width) != (self.heads.key_value, self.heads.width) || self.seen >= room || width > WIDEST_HEAD {
            bail!("a cache of {heads} heads of {width} and {room} positions has no room for position {} of {:?}", self.seen, self.heads);
        }
        let Turn { cosines, sines, norms } = self.turn;
        let norm = norms.as_ref().map(|norms| if of_keys { &norms.key } else { &norms.query });
        let half = cosines.dim(D::Minus1)?;
        if cosines.elem_count() != texts * half {
            bail!("{texts} texts are turned by tables of {:?}", cosines.shape());
        }
        let [cosines, sines] = [address(device, cosines)?, address(device, sines)?];
        launch(Cached {
            cosines,
            sines,
            norm: norm.map_or(Ok(0), |norm| address(device, norm))?,
            texts: texts as u32,
            query_heads: self.heads.query as u32,
            heads: heads as u32,
            width: width as u32,
            half: half as u32,
            room: room as u32,
            seen: self.seen as u32,
            epsilon: norms.as_ref().map_or(0.0, |norms| norms.epsilon as f32),
        })
    }
}

/// Where a dense tensor of f32 lies on the GPU, for as long as it is not dropped: what is launched before that comes before its memory is used again.
fn address(device: &CudaDevice, tensor: &Tensor) -> Result<u64> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else { bail!("a tensor is not on the GPU") };
    let (view, stream) = (dense::<f32>(storage, layout)?, device.cuda_stream());
    let (address, _held) = view.device_ptr(&stream);
    Ok(address)
}

impl InplaceOp2 for Attend<'_> {
    fn name(&self) -> &'static str {
        "remember"
    }
    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<()> {
        bail!("this cache is for an NVIDIA GPU")
    }
    fn cuda_fwd(&self, kept: &mut CudaStorage, kept_layout: &Layout, qkv: &CudaStorage, layout: &Layout) -> Result<()> {
        let device = kept.device().clone();
        let Some((0, end)) = kept_layout.contiguous_offsets() else { bail!("a cache is not dense") };
        let qkv = dense::<f32>(qkv, layout)?;
        let kept = kept.as_cuda_slice_mut::<f32>()?;
        if kept.len() < end {
            bail!("a cache is shorter than its shape");
        }
        self.with_cached(&device, kept_layout, true, |cached| {
            let function = device.get_or_load_custom_func("remember", "lm", ptx::DEVICE)?;
            let mut builder = function.builder();
            builder.arg(&qkv).arg(kept).arg(&cached);
            let blocks = (2 * cached.texts * cached.heads).div_ceil(REMEMBERING);
            let size = LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (32, REMEMBERING, 1), shared_mem_bytes: 0 };
            // SAFETY: the kernel's arguments are these; each warp writes one head at a position that the cache has.
            unsafe { builder.launch(size) }.w()?;
            Ok(())
        })
    }
}

impl CustomOp2 for Attend<'_> {
    fn name(&self) -> &'static str {
        "attend"
    }
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("this attention is for an NVIDIA GPU")
    }
    fn cuda_fwd(&self, qkv: &CudaStorage, layout: &Layout, kept: &CudaStorage, kept_layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let device = qkv.device();
        let (texts, row) = layout.shape().dims2()?;
        if row != self.heads.row() || self.starts.elem_count() != texts {
            bail!("rows of {row} for {texts} texts are not those of {:?}", self.heads);
        }
        let (qkv, kept) = (dense::<f32>(qkv, layout)?, dense::<f32>(kept, kept_layout)?);
        let (starts, starts_layout) = self.starts.storage_and_layout();
        let Storage::Cuda(starts) = &*starts else { bail!("where texts begin is not on the GPU") };
        let starts = dense::<u32>(starts, starts_layout)?;
        // SAFETY: the kernel writes all of it.
        let mut out = unsafe { device.alloc::<f32>(texts * self.heads.out())? };
        self.with_cached(device, kept_layout, false, |cached| {
            let function = device.get_or_load_custom_func("attend", "lm", ptx::DEVICE)?;
            let mut builder = function.builder();
            builder.arg(&qkv).arg(&kept).arg(&starts).arg(&mut out).arg(&cached);
            let blocks = cached.texts * cached.query_heads;
            let size = LaunchConfig { grid_dim: (blocks, 1, 1), block_dim: (32, ATTENDING, 1), shared_mem_bytes: 0 };
            // SAFETY: the kernel's arguments are these; each block reads what is cached of its text and writes one head.
            unsafe { builder.launch(size) }.w()?;
            Ok(())
        })?;
        Ok((CudaStorage::wrap_cuda_slice(out, device.clone()), Shape::from((texts, self.heads.out()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;

    const ROWS: usize = 40;

    /// The processor's draws from the same logits and numbers. Log-probabilities and entropies differ by the order of sums.
    #[test]
    fn draws_are_those_of_the_processor() {
        let device = crate::best_device();
        if device.is_cpu() {
            return;
        }
        let cases = [
            (1, 1.0, 1.0),
            (31, 0.7, 1.0),
            (1000, 1.3, 0.5),
            (49_152, 1.0, 1.0),
            (49_152, 0.0, 1.0),
            (128_256, 0.6, 1.0),
            (128_256, 1.0, 0.95),
            (50, 1.0, 0.9),
        ];
        for (vocabulary, temperature, top_p) in cases {
            let mut stream = Stream::new(vocabulary as u64);
            // Of 50 tokens some are equally probable.
            let coarse = if vocabulary == 50 { 1.0 } else { 1000.0 };
            let mut logits: Vec<f32> =
                (0..ROWS * vocabulary).map(|_| (3.0 * coarse * stream.normal()).round() as f32 / coarse as f32).collect();
            if vocabulary > 1 {
                (logits[0], logits[vocabulary + 1]) = (f32::NAN, f32::NEG_INFINITY);
            }
            let uniforms: Vec<f64> = (0..ROWS).map(|seed| Stream::new(seed as u64).uniform()).collect();
            let tensor = Tensor::from_slice(&logits, (ROWS, vocabulary), &device).unwrap();
            let decoding = Decoding { max_tokens: 1, temperature, top_p, top_k: 0, stop: vec![] };
            let drawn = draw(&tensor, &uniforms, &decoding).unwrap();
            for (seed, (row, got)) in logits.chunks(vocabulary).zip(drawn).enumerate() {
                let expected = crate::sampler::draw(row, &decoding, &mut Stream::new(seed as u64));
                assert_eq!(got.token, expected.token, "{vocabulary} tokens, temperature {temperature}, top-p {top_p}, row {seed}");
                assert!((got.log_prob - expected.log_prob).abs() < 1e-5, "{got:?} is not {expected:?}");
                assert!((got.entropy - expected.entropy).abs() < 1e-5, "{got:?} is not {expected:?}");
            }
        }
    }
}
