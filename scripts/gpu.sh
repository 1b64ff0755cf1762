#!/usr/bin/env bash
# Prints what GPU the program can be built for on this machine: cuda, metal or nothing.
set -euo pipefail

if [ "$(uname -sm)" = "Darwin arm64" ]; then
    echo metal
elif nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
    for nvcc in "${CUDA_HOME:+$CUDA_HOME/bin/nvcc}" "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc; do
        [ ! -x "$nvcc" ] || { echo cuda; exit; }
    done
    echo "gpu: there is an NVIDIA card, but no CUDA toolkit (nvcc), so the program is built for the processor. Install NVIDIA's toolkit and start again." >&2
fi
