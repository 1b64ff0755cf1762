//! The weights in a folder's files, of which each tensor is read when it is asked for.
//!
//! Read and not mapped: what is mapped counts as the program's memory for as long as it is, and a file that another program cuts off would end this one.
use crate::folder::read_header;
use crate::{Error, Result};
use candle_core::{Device, Tensor};
use half::{bf16, f16};
use safetensors::tensor::Dtype;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Safetensors files with what stands where in them.
pub(crate) struct WeightFiles {
    folder: PathBuf,
    tensors: HashMap<String, Place>,
}

/// Where a tensor is stored.
struct Place {
    path: PathBuf,
    dtype: Dtype,
    shape: Vec<usize>,
    /// Bytes from the file's beginning.
    start: u64,
    length: usize,
}

impl WeightFiles {
    /// # Errors
    /// [`Error::Model`] where a file is missing, cut off or damaged.
    pub fn open(folder: &Path, names: &[String]) -> Result<Self> {
        let mut tensors = HashMap::new();
        for name in names {
            let path = folder.join(name);
            let header = read_header(&path)?;
            let unreadable = |error: std::io::Error| Error::Model(format!("{} cannot be read: {error}", path.display()));
            // A file that is whole ends with its data.
            let data = std::fs::metadata(&path).map_err(unreadable)?.len() - header.data_len() as u64;
            for (tensor, info) in header.tensors() {
                let (start, end) = info.data_offsets;
                let place = Place {
                    path: path.clone(),
                    dtype: info.dtype,
                    shape: info.shape.clone(),
                    start: data + start as u64,
                    length: end - start,
                };
                tensors.insert(tensor, place);
            }
        }
        Ok(Self { folder: folder.to_owned(), tensors })
    }

    /// A tensor as it is stored: in bf16, f16 or f32.
    ///
    /// # Errors
    /// [`Error::Model`] where it is not there, of another type, or cannot be read.
    pub fn load(&self, name: &str, device: &Device) -> Result<Tensor> {
        let Some(Place { path, dtype, shape, start, length }) = self.tensors.get(name) else {
            return Err(Error::Model(format!("tensor `{name}` is in none of the weight files of {}", self.folder.display())));
        };
        let unread = |error: std::io::Error| Error::Model(format!("{}: tensor `{name}` cannot be read: {error}", path.display()));
        let mut file = File::open(path).map_err(unread)?;
        file.seek(SeekFrom::Start(*start)).map_err(unread)?;
        let shape = shape.as_slice();
        Ok(match dtype {
            Dtype::BF16 => Tensor::from_vec(numbers(&mut file, length / 2, bf16::from_le_bytes).map_err(unread)?, shape, device)?,
            Dtype::F16 => Tensor::from_vec(numbers(&mut file, length / 2, f16::from_le_bytes).map_err(unread)?, shape, device)?,
            Dtype::F32 => Tensor::from_vec(numbers(&mut file, length / 4, f32::from_le_bytes).map_err(unread)?, shape, device)?,
            other => return Err(Error::Model(format!("{}: tensor `{name}` is of type {other:?}", path.display()))),
        })
    }
}

/// So many numbers of `N` bytes each; piece by piece, so that they are not in memory twice.
fn numbers<T, const N: usize>(file: &mut File, count: usize, number: fn([u8; N]) -> T) -> std::io::Result<Vec<T>> {
    const PIECE: usize = 1 << 16;
    let mut bytes = vec![0; N * count.min(PIECE)];
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let piece = &mut bytes[..N * (count - all.len()).min(PIECE)];
        file.read_exact(piece)?;
        all.extend(piece.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)));
    }
    Ok(all)
}
