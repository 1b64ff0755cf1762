//! The head of a GGUF model's files: metadata and the list of tensors.
use crate::stored::Stored;
use crate::{Error, Result};
use candle_core::quantized::gguf_file::{Content, TensorInfo, Value};
use candle_core::{Device, Tensor, quantized::GgmlDType};
use contract::part::Part;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// An opened GGUF model: a file, or several that are one together. Metadata are those of the first.
pub(super) struct Gguf {
    path: PathBuf,
    parts: Vec<Opened>,
}

/// One of its files.
struct Opened {
    path: PathBuf,
    reader: BufReader<File>,
    content: Content,
    length: u64,
}

/// The files of the model that `path` names: itself, or, where its name says that it is the first of several (`m-00001-of-00003.gguf`), all of them in
/// their order.
///
/// # Errors
/// [`Error::Model`] where `path` is a later part, or where a part is not there; both are named.
pub fn parts(path: &Path) -> Result<Vec<PathBuf>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(part) = Part::of(&name) else { return Ok(vec![path.to_owned()]) };
    if part.number != 1 {
        let first = part.beside(1);
        return Err(Error::Model(format!(
            "{} is part {} of {} of a model; name the first, {first}",
            path.display(),
            part.number,
            part.all
        )));
    }
    let of = |number| {
        let one = path.with_file_name(part.beside(number));
        let missing =
            || Error::Model(format!("{} is part {number} of the {} of a model and is missing; bring it too", one.display(), part.all));
        // The first that is not there ends it, whatever number a name says.
        if one.exists() { Ok(one) } else { Err(missing()) }
    };
    (1..=part.all).map(of).collect()
}

impl Gguf {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let parts = parts(path)?.iter().map(|part| Opened::open(part)).collect::<Result<Vec<_>>>()?;
        let gguf = Self { path: path.to_owned(), parts };
        gguf.check_parts()?;
        Ok(gguf)
    }

    /// Whether its files say that they belong together.
    fn check_parts(&self) -> Result<()> {
        let (found, told) = (self.parts.len(), self.size_if_any("split.count")?.unwrap_or(0));
        if told > 1 && found == 1 {
            return Err(self.wrong(&format!(
                "it is one of the {told} files of a model: they have to lie together, called NAME-00001-of-{told:05}.gguf and so on, and the first is named"
            )));
        }
        let held: usize = self.parts.iter().map(|part| part.content.tensor_infos.len()).sum();
        let (tensors, names) = (self.size_if_any("split.tensors.count")?, self.tensors().map(|(name, _)| name).collect::<HashSet<_>>());
        if (told > 1 && told != found) || tensors.is_some_and(|tensors| found > 1 && tensors != held) || names.len() != held {
            return Err(self.wrong(&format!("its {found} parts are not of one model; fetch them again")));
        }
        Ok(())
    }

    /// An error about this model.
    pub(super) fn wrong(&self, reason: &str) -> Error {
        wrong(&self.path, reason)
    }

    fn metadata(&self) -> &HashMap<String, Value> {
        &self.parts[0].content.metadata
    }

    fn tensors(&self) -> impl Iterator<Item = (&String, &TensorInfo)> {
        self.parts.iter().flat_map(|part| &part.content.tensor_infos)
    }

    pub(super) fn find(&self, key: &str) -> Option<&Value> {
        self.metadata().get(key)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>> {
        match self.find(key) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => Err(self.wrong(&format!("metadata `{key}` must be a text"))),
        }
    }

    /// A whole number that must be there.
    pub(super) fn size(&self, key: &str) -> Result<usize> {
        self.size_if_any(key)?.ok_or_else(|| self.wrong(&format!("metadata `{key}` is missing, so the model cannot be built")))
    }

    pub(super) fn size_if_any(&self, key: &str) -> Result<Option<usize>> {
        let Some(value) = self.find(key) else { return Ok(None) };
        let number = match value {
            Value::I32(v) => u64::try_from(*v).ok(),
            Value::I64(v) => u64::try_from(*v).ok(),
            other => other.to_u64().ok(),
        };
        match number {
            Some(number @ 0..=0x7fff_ffff) => Ok(Some(number as usize)),
            _ => Err(self.wrong(&format!("metadata `{key}` is {value:?}, but must be a whole number"))),
        }
    }

    /// A real number. f32 values are read by their shortest decimal form, so that 1e-5 is 1e-5 and not 9.999999747378752e-6.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>> {
        match self.find(key) {
            None => Ok(None),
            Some(Value::F32(v)) => Ok(v.to_string().parse().ok()),
            Some(Value::F64(v)) => Ok(Some(*v)),
            Some(other) => Err(self.wrong(&format!("metadata `{key}` is {other:?}, but must be a number"))),
        }
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        matches!(self.find(key), Some(Value::Bool(true)))
    }

    /// A list that must be there, with each entry read by `entry`.
    pub(super) fn list<'a, T>(&'a self, key: &str, entry: impl Fn(&'a Value) -> Option<T>) -> Result<Vec<T>> {
        let Some(value) = self.find(key) else {
            return Err(self.wrong(&format!("metadata `{key}` is missing, so the tokenizer cannot be built")));
        };
        let Value::Array(values) = value else { return Err(self.wrong(&format!("metadata `{key}` must be a list"))) };
        let wrong = |i: usize| self.wrong(&format!("metadata `{key}`: entry {i} is of the wrong type"));
        values.iter().enumerate().map(|(i, value)| entry(value).ok_or_else(|| wrong(i))).collect()
    }

    pub(super) fn has(&self, tensor: &str) -> bool {
        self.shape(tensor).is_some()
    }

    pub(super) fn shape(&self, tensor: &str) -> Option<&[usize]> {
        self.parts.iter().find_map(|part| part.content.tensor_infos.get(tensor)).map(|info| info.shape.dims())
    }

    pub(super) fn stored(&self) -> Vec<Stored> {
        let bytes = |elements: usize, dtype: GgmlDType| (elements / dtype.block_size() * dtype.type_size()) as u64;
        let stored = |(name, info): (&String, &TensorInfo)| Stored {
            name: name.clone(),
            shape: info.shape.dims().to_vec(),
            bytes: bytes(info.shape.elem_count(), info.ggml_dtype),
        };
        self.tensors().map(stored).collect()
    }

    /// A tensor, de-quantised to f32.
    pub(super) fn tensor(&mut self, name: &str) -> Result<Tensor> {
        let holder = self.parts.iter_mut().find(|part| part.content.tensor_infos.contains_key(name));
        let Some(Opened { path, reader, content, .. }) = holder else {
            return Err(self.wrong(&format!("tensor `{name}` is missing, so the model cannot be built")));
        };
        let read = content.tensor(reader, name, &Device::Cpu).and_then(|stored| stored.dequantize(&Device::Cpu));
        read.map_err(|error| wrong(path, &format!("tensor `{name}` cannot be read: {error}")))
    }
}

fn wrong(path: &Path, reason: &str) -> Error {
    Error::Model(format!("{}: {reason}", path.display()))
}

impl Opened {
    fn open(path: &Path) -> Result<Self> {
        let unreadable = |error: std::io::Error| Error::Model(format!("the model file {} cannot be read: {error}", path.display()));
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(Error::Model(format!("{} is a folder; name a GGUF file", path.display())));
        }
        let mut reader = BufReader::new(file);
        Walk { reader: &mut reader, position: 0, length: metadata.len() }.header().map_err(|damage| damage.sentence(path))?;
        reader.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        let content = Content::read(&mut reader).map_err(|error| Error::Model(unreadable_header(path, &error.to_string())))?;
        let opened = Self { path: path.to_owned(), reader, content, length: metadata.len() };
        opened.check_length()?;
        Ok(opened)
    }

    /// Whether the file reaches to the end of its last tensor.
    fn check_length(&self) -> Result<()> {
        let wrong = |reason: &str| wrong(&self.path, reason);
        for (name, info) in &self.content.tensor_infos {
            // Formats of intermediate results, never of weights; candle cannot de-quantise them.
            if matches!(info.ggml_dtype, GgmlDType::Q8_1 | GgmlDType::Q8K) {
                return Err(wrong(&format!("tensor `{name}` is stored as {:?}, which is not supported", info.ggml_dtype)));
            }
            let elements = info.shape.dims().iter().try_fold(1usize, |product, dim| product.checked_mul(*dim));
            let bytes = elements.and_then(|n| (n / info.ggml_dtype.block_size()).checked_mul(info.ggml_dtype.type_size()));
            let end = bytes.and_then(|n| (self.content.tensor_data_offset).checked_add(info.offset)?.checked_add(n as u64));
            let Some(end) = end else {
                return Err(wrong(&format!("tensor `{name}` has an impossible size; the file is damaged, fetch it again")));
            };
            if end > self.length {
                let found = self.length;
                return Err(wrong(&format!(
                    "the file is cut off: tensor `{name}` ends at byte {end}, but the file has {found} bytes; fetch it again"
                )));
            }
        }
        Ok(())
    }
}

/// Why candle does not take a header that is whole. That it does not know a type it says by its number.
fn unreadable_header(path: &Path, error: &str) -> String {
    const KNOWN: &str =
        "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K and Q6_K are: take a file such as Q4_K_M or Q8_0";
    let path = path.display();
    let number = error.split("unknown dtype for tensor ").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse::<u32>().ok());
    let Some(number) = number else { return format!("{path} is not a GGUF file that can be read: {error}") };
    let name = match number {
        16..=23 | 29 => "an IQ type".to_owned(),
        34 | 35 => "a ternary type".to_owned(),
        39 => "MXFP4".to_owned(),
        other => format!("type {other} of llama.cpp"),
    };
    format!("{path} holds weights in {name}, which is not read here; {KNOWN}")
}

/// What is wrong with a header.
enum Damage {
    NotGguf,
    Version(u32),
    CutOff { at: u64, length: u64 },
    Corrupt(&'static str),
    Io(std::io::Error),
}

impl Damage {
    fn sentence(self, path: &Path) -> Error {
        let path = path.display();
        Error::Model(match self {
            Self::NotGguf => format!("{path} is not a GGUF file: it does not begin with \"GGUF\""),
            Self::Version(version) => format!("{path} is of GGUF version {version}; versions 2 and 3 are supported"),
            Self::CutOff { at, length } => {
                format!(
                    "{path} is cut off or damaged: its header reaches beyond byte {at}, but the file has {length} bytes; fetch it again"
                )
            }
            Self::Corrupt(what) => format!("{path} is damaged: {what}; fetch it again"),
            Self::Io(error) => format!("the model file {path} cannot be read: {error}"),
        })
    }
}

/// Walks over a header before candle reads it: candle allocates what the file's lengths say, and a damaged length would end
/// the process instead of giving an error.
struct Walk<'a> {
    reader: &'a mut BufReader<File>,
    position: u64,
    length: u64,
}

impl Walk<'_> {
    fn header(&mut self) -> Result<(), Damage> {
        if self.length < 24 || self.bytes::<4>()? != *b"GGUF" {
            return Err(Damage::NotGguf);
        }
        match self.u32()? {
            2 | 3 => {}
            version => return Err(Damage::Version(version)),
        }
        let (tensors, entries) = (self.u64()?, self.u64()?);
        for _ in 0..entries {
            self.text()?;
            let kind = self.u32()?;
            self.value(kind, 0)?;
        }
        for _ in 0..tensors {
            self.text()?;
            let dimensions = self.u32()?;
            if dimensions > 4 {
                return Err(Damage::Corrupt("a tensor has more than four dimensions"));
            }
            // Dimensions, type and offset.
            self.skip(u64::from(dimensions) * 8 + 4 + 8)?;
        }
        Ok(())
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<(), Damage> {
        match kind {
            8 => self.text(),
            9 => {
                let (kind, entries) = (self.u32()?, self.u64()?);
                if depth > 3 {
                    return Err(Damage::Corrupt("lists stand inside lists too deeply"));
                }
                if let Some(width) = Self::width(kind) {
                    return self.skip(entries.saturating_mul(width));
                }
                // Each entry takes at least its own length field, so an impossible count ends at the end of the file.
                self.claim(entries.saturating_mul(8))?;
                (0..entries).try_for_each(|_| self.value(kind, depth + 1))
            }
            kind => match Self::width(kind) {
                Some(width) => self.skip(width),
                None => Err(Damage::Corrupt("a metadata value is of an unknown type")),
            },
        }
    }

    /// Bytes of a scalar of GGUF's type number `kind`.
    fn width(kind: u32) -> Option<u64> {
        match kind {
            0 | 1 | 7 => Some(1),
            2 | 3 => Some(2),
            4..=6 => Some(4),
            10..=12 => Some(8),
            _ => None,
        }
    }

    /// Whether `bytes` more are in the file.
    fn claim(&self, bytes: u64) -> Result<u64, Damage> {
        match self.position.checked_add(bytes) {
            Some(end) if end <= self.length => Ok(end),
            _ => Err(Damage::CutOff { at: self.position.saturating_add(bytes), length: self.length }),
        }
    }

    fn skip(&mut self, bytes: u64) -> Result<(), Damage> {
        let end = self.claim(bytes)?;
        // Relative, so that the buffer is kept; `claim` bounds the distance by the file's length.
        self.reader.seek_relative((end - self.position) as i64).map_err(Damage::Io)?;
        self.position = end;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let end = self.claim(N as u64)?;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(Damage::Io)?;
        self.position = end;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, Damage> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, Damage> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn text(&mut self) -> Result<(), Damage> {
        let length = self.u64()?;
        self.skip(length)
    }
}
