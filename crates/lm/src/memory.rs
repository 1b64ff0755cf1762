//! The C library's handling of freed memory.

/// Tells glibc to keep what is freed for the next allocation; elsewhere nothing happens.
///
/// By default it gives every large buffer back to the system, and a training step, whose activations are hundreds of them, gets each again as
/// new pages that the kernel has to clear first: a fifth of its time. For a program to call once, before it computes.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (option, bytes) in [(libc::M_MMAP_THRESHOLD, 1 << 30), (libc::M_TRIM_THRESHOLD, i32::MAX), (libc::M_TOP_PAD, 64 << 20)] {
        // SAFETY: a call that sets a number in the allocator, under its lock. Where it refuses, it goes on as before.
        unsafe { libc::mallopt(option, bytes) };
    }
}

/// Gives what is freed and kept back to the system, where glibc has kept it: for after work whose buffers nothing else will fit, such as that of another
/// library on threads of its own.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: a call that walks over what is free, under the allocator's locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
