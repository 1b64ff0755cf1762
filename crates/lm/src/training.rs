//! How a pass whose gradients are asked for goes through the blocks.
use crate::adapter::PROJECTIONS;
use crate::kernels::gradient::checkpointed;
use candle_core::{Result, Tensor, Var};

/// Of one pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Training {
    /// Switches the adapter's dropout on.
    pub dropout_seed: Option<u64>,
    /// Of each block its input alone is kept, and backward computes the block again.
    pub checkpointing: bool,
}

impl Training {
    /// `x` through a block, a function of `x` and of the adapter's flat buffers; whatever is kept, the result and its gradients are the same.
    pub fn through(
        self,
        x: &Tensor,
        vars: &[Var; PROJECTIONS],
        block: impl Fn(&Tensor, &[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
    ) -> Result<Tensor> {
        let flats = vars.each_ref().map(|var| var.as_tensor().clone());
        if self.checkpointing { checkpointed(x, &flats, block) } else { block(x, &flats) }
    }
}
