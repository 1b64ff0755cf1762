//! Files that are one model together: `STEM-00001-of-00003.gguf`, and weights in safetensors the same.

/// What a file's name says of the files that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// All before the number; with the path, where the name has one.
    pub stem: &'a str,
    /// From 1.
    pub number: usize,
    /// How many there are.
    pub all: usize,
    /// How wide both are written.
    digits: [usize; 2],
    ending: &'a str,
}

impl<'a> Part<'a> {
    /// `None` for the name of a file that is whole.
    pub fn of(name: &'a str) -> Option<Self> {
        let (rest, ending) = name.rsplit_once('.')?;
        let (rest, all) = rest.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let digits = [number.len(), all.len()];
        let (number, all) = (number.parse().ok()?, all.parse().ok()?);
        (1..=all).contains(&number).then_some(Self { stem, number, all, digits, ending })
    }

    /// The name of another of its files.
    pub fn beside(&self, number: usize) -> String {
        let Self { stem, all, ending, digits: [own, whole], .. } = self;
        format!("{stem}-{number:0own$}-of-{all:0whole$}.{ending}")
    }

    /// Whether both are parts of one model.
    pub fn goes_with(&self, other: &Self) -> bool {
        (self.stem, self.all, self.ending) == (other.stem, other.all, other.ending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_knows_those_beside_it() {
        let part = Part::of("q8/m-x-00002-of-00003.gguf").unwrap();
        assert_eq!((part.stem, part.number, part.all), ("q8/m-x", 2, 3));
        assert_eq!(part.beside(3), "q8/m-x-00003-of-00003.gguf");
        assert_eq!(Part::of("m-00001-of-3.gguf").unwrap().beside(1), "m-00001-of-3.gguf");
        assert!(part.goes_with(&Part::of("q8/m-x-00001-of-00003.gguf").unwrap()));
        assert!(!part.goes_with(&Part::of("m-x-00001-of-00003.gguf").unwrap()));
    }

    #[test]
    fn other_names_are_of_whole_files() {
        for name in ["m.gguf", "one-of-us.gguf", "m-00000-of-00003.gguf", "m-00004-of-00003.gguf", "m-x-of-3.gguf", "m-00001-of-00002"] {
            assert_eq!(Part::of(name), None, "{name}");
        }
    }
}
