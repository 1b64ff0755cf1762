mod clusters;
mod files;
mod kinds;
mod shipped;
mod splits;

use contract::data::{Data, Prompt};
use contract::desk::DataColumns;
use contract::{Code, Error};
use std::path::PathBuf;
use tempfile::TempDir;

fn texts(prompts: &[Prompt]) -> Vec<String> {
    prompts.iter().map(|prompt| prompt.text.clone()).collect()
}

/// A data file in a folder of its own.
struct Given {
    folder: TempDir,
    spec: Data,
}

impl Given {
    fn file(name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), content).unwrap();
        let spec = Data { source: name.into(), train: 1, validation: 0, test: 1, ..Data::default() };
        Self { folder, spec }
    }

    fn counts(mut self, train: usize, validation: usize, test: usize) -> Self {
        self.spec = Data { train, validation, test, ..self.spec };
        self
    }

    fn column(mut self, column: &str) -> Self {
        self.spec.column = column.into();
        self
    }

    fn clusters(mut self, column: &str) -> Self {
        self.spec.cluster_column = Some(column.into());
        self
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(&self.spec.source)
    }

    fn load(&self) -> Result<crate::Splits, Error> {
        crate::load(&self.spec, self.folder.path())
    }

    fn columns(&self) -> Result<DataColumns, Error> {
        crate::columns(&self.spec, self.folder.path())
    }

    /// All prompts of the file, however they were split, in alphabetical order.
    fn prompts(&self) -> Vec<String> {
        let splits = self.load().unwrap();
        let mut all = texts(&[splits.train, splits.validation, splits.test].concat());
        all.sort();
        all
    }

    /// The message of the data error that loading gives, which must name the file and contain each of `parts`.
    fn refused(&self, parts: &[&str]) {
        let error = self.load().unwrap_err();
        assert_eq!(error.code, Code::Data, "{error}");
        assert!(error.message.contains(&self.path().display().to_string()), "{error}");
        for part in parts {
            assert!(error.message.contains(part), "{error}\nshould contain {part:?}");
        }
    }
}
