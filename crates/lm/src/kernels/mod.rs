//! Fused operations with their own backward pass.
