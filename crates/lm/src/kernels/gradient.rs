//! Gradients that are added by hand to what candle computed, and functions of which nothing but the inputs is kept.
use candle_core::backend::BackendStorage;
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, CudaStorage, CustomOp1, CustomOp2, Layout, MetalStorage, Result, Shape, Storage, Tensor, Var, bail};
use std::sync::{Mutex, PoisonError};

/// From ∂y to ∂x.
type Backward = Box<dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync>;

/// A result that was computed already, handed on as that of an operation, and not kept by it.
pub struct Computed(Mutex<Option<Tensor>>);

impl Computed {
    pub fn new(y: Tensor) -> Self {
        Self(Mutex::new(Some(y)))
    }

    fn take(&self) -> Result<Tensor> {
        let y = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        y.ok_or_else(|| candle_core::Error::Msg("an operation ran twice".into()))
    }

    /// Its storage where `of` finds one of the device's kind.
    fn storage<S: BackendStorage>(&self, of: impl Fn(&Storage) -> Option<&S>) -> Result<(S, Shape)> {
        let y = self.take()?;
        let (guard, layout) = y.storage_and_layout();
        match of(&guard) {
            Some(storage) => Ok((storage.try_clone(layout)?, layout.shape().clone())),
            None => bail!("an operation's result lies on another device than what it was computed from"),
        }
    }

    pub fn cpu(&self) -> Result<(CpuStorage, Shape)> {
        self.storage(|storage| if let Storage::Cpu(storage) = storage { Some(storage) } else { None })
    }

    pub fn cuda(&self) -> Result<(CudaStorage, Shape)> {
        self.storage(|storage| if let Storage::Cuda(storage) = storage { Some(storage) } else { None })
    }

    pub fn metal(&self) -> Result<(MetalStorage, Shape)> {
        self.storage(|storage| if let Storage::Metal(storage) = storage { Some(storage) } else { None })
    }
}

/// A result as a function of one tensor.
struct WithGradient(Computed, Backward);

/// `y`, computed from `x`, with its gradient; dense.
pub fn with_gradient(x: &Tensor, y: Tensor, backward: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static) -> Result<Tensor> {
    if x.track_op() { x.apply_op1(WithGradient(Computed::new(y.contiguous()?), Box::new(backward))) } else { Ok(y) }
}

impl CustomOp1 for WithGradient {
    fn name(&self) -> &'static str {
        "with-gradient"
    }
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.0.cpu()
    }
    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.0.cuda()
    }
    fn metal_fwd(&self, _: &MetalStorage, _: &Layout) -> Result<(MetalStorage, Shape)> {
        self.0.metal()
    }
    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some((self.1)(gradient)?))
    }
}

/// `f(x)`, of which nothing but `x` is kept: backward computes it again.
pub fn recomputed(x: &Tensor, f: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static) -> Result<Tensor> {
    let kept = x.detach();
    let y = f(&kept)?;
    with_gradient(x, y, move |gradient| {
        let x = Var::from_tensor(&kept)?;
        of(&x, &backward(&f(x.as_tensor())?, gradient)?)
    })
}

/// Gradients of what `y` was computed from, from that of `y`.
fn backward(y: &Tensor, gradient: &Tensor) -> Result<GradStore> {
    (y * gradient)?.sum_all()?.backward()
}

/// The gradient of `var`; 0 where nothing depends on it.
fn of(var: &Var, gradients: &GradStore) -> Result<Tensor> {
    gradients.get(var).map_or_else(|| var.zeros_like(), |gradient| Ok(gradient.clone()))
}

/// A function of `x` and of flat parameters.
type Block = Box<dyn Fn(&Tensor, &[Tensor]) -> Result<Tensor> + Send + Sync>;

/// `f(x, parameters)`, of which nothing but both is kept: backward computes it again, with all that is kept within. The parameters, each [len], are
/// copied.
pub fn checkpointed(
    x: &Tensor,
    parameters: &[Tensor],
    f: impl Fn(&Tensor, &[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
) -> Result<Tensor> {
    let detached: Vec<Tensor> = parameters.iter().map(Tensor::detach).collect();
    let computed = Computed::new(f(&x.detach(), &detached)?);
    let lens = parameters.iter().map(Tensor::elem_count).collect();
    x.apply_op2(&Tensor::cat(parameters, 0)?, Checkpointed { computed, block: Box::new(f), lens })
}

/// [`checkpointed`] as a function of x and of all parameters, one after another.
struct Checkpointed {
    computed: Computed,
    block: Block,
    /// Of each parameter.
    lens: Vec<usize>,
}

impl CustomOp2 for Checkpointed {
    fn name(&self) -> &'static str {
        "checkpointed"
    }
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.computed.cpu()
    }
    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.computed.cuda()
    }
    fn metal_fwd(&self, _: &MetalStorage, _: &Layout, _: &MetalStorage, _: &Layout) -> Result<(MetalStorage, Shape)> {
        self.computed.metal()
    }
    fn bwd(&self, x: &Tensor, parameters: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let x = Var::from_tensor(x)?;
        let (mut vars, mut start) = (Vec::with_capacity(self.lens.len()), 0);
        for len in &self.lens {
            vars.push(Var::from_tensor(&parameters.narrow(0, start, *len)?)?);
            start += len;
        }
        let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        let gradients = backward(&(self.block)(x.as_tensor(), &tensors)?, gradient)?;
        let of_vars = vars.iter().map(|var| of(var, &gradients)).collect::<Result<Vec<_>>>()?;
        Ok((Some(of(&x, &gradients)?), Some(Tensor::cat(&of_vars, 0)?)))
    }
}
