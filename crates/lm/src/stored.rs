//! What stands in a model's files, told from their heads: nothing is loaded, and the architecture may be any.
use crate::folder::{read_header, weight_files};
use crate::{Error, Result};
use std::path::Path;

/// A tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub name: String,
    /// Of a matrix [out, in].
    pub shape: Vec<usize>,
    /// As it is stored.
    pub bytes: u64,
}

impl Stored {
    /// How many numbers it is.
    pub fn numbers(&self) -> u64 {
        self.shape.iter().map(|&size| size as u64).product()
    }
}

/// The tensors of a Hugging Face folder, in its files' order.
///
/// # Errors
/// [`Error::Model`] when a file is missing, cut off or damaged, or the weights are a pickle.
pub fn stored(folder: &Path) -> Result<Vec<Stored>> {
    let mut found = Vec::new();
    for file in weight_files(folder)? {
        let header = read_header(&folder.join(file))?;
        let tensors = header.tensors().into_iter();
        found.extend(tensors.map(|(name, info)| Stored {
            name,
            shape: info.shape.clone(),
            bytes: (info.data_offsets.1 - info.data_offsets.0) as u64,
        }));
    }
    match found.is_empty() {
        true => Err(Error::Model(format!("the weight files of {} hold no tensor; fetch them again", folder.display()))),
        false => Ok(found),
    }
}
