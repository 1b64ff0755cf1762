//! Systems whose keychain is not known: keys come from the environment.
use contract::{Error, Result};

fn none<T>() -> Result<T> {
    Err(Error::io("This program does not know the keychain of this system."))
}

pub fn get(_name: &str) -> Result<Option<String>> {
    none()
}

pub fn set(_name: &str, _text: &str) -> Result<()> {
    none()
}

pub fn list() -> Result<Vec<String>> {
    none()
}

pub fn remove(_name: &str) -> Result<bool> {
    none()
}
