//! Keys of endpoints and of the hub: in the system's keychain under a name, or in an environment variable. Never in a file of ours.
#[cfg(target_os = "linux")]
#[path = "keychain.rs"]
mod keychain;
#[cfg(not(target_os = "linux"))]
#[path = "no_keychain.rs"]
mod keychain;

use crate::secret::Secret;
use contract::endpoint::{KeyNames, key_name_problem};
use contract::{Error, Result};

/// The variable that stands for the keychain where there is none: `ALIGNPRO_KEY_HOSTED` for `hosted`.
pub fn variable(name: &str) -> String {
    format!("ALIGNPRO_KEY_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// Why a name cannot be one, as an error. It is not repeated: it may be the key.
pub fn check(name: &str) -> Result<()> {
    key_name_problem(name).map_or(Ok(()), |problem| Err(Error::new(contract::Code::Spec, format!("That {problem}."))))
}

/// The key of a name: from the environment, where it is set there, else from the keychain.
///
/// # Errors
/// [`contract::Code::Network`] where there is none, with what to do.
pub fn find(name: &str) -> Result<Secret> {
    check(name)?;
    let variable = variable(name);
    if let Some(secret) = of_variable(&variable)? {
        return Ok(secret);
    }
    match keychain::get(name) {
        Ok(Some(text)) => Secret::new(&text).ok_or_else(|| {
            Error::network(format!("What the keychain has under \"{name}\" is no key; set it anew with `alignpro key set {name}`."))
        }),
        Ok(None) => Err(Error::network(format!("There is no key \"{name}\". Keep it with `alignpro key set {name}`, or set {variable}."))),
        Err(e) => {
            Err(Error { message: format!("The key \"{name}\" cannot be looked up: {} Or set {variable} to the key.", e.message), ..e })
        }
    }
}

/// The key that an environment variable holds; None where it is not set.
///
/// # Errors
/// [`contract::Code::Network`] where it is set to what cannot be a key.
pub fn of_variable(variable: &str) -> Result<Option<Secret>> {
    let Some(text) = std::env::var(variable).ok().filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let secret =
        Secret::new(&text).ok_or_else(|| Error::network(format!("{variable} holds no key: it must be one word of plain letters.")))?;
    Ok(Some(secret))
}

/// Keeps a key in the keychain, in the place of one of the same name.
pub fn set(name: &str, secret: &Secret) -> Result<()> {
    check(name)?;
    keychain::set(name, secret.reveal())
        .map_err(|e| Error { message: format!("{} Where there is no keychain, set {} to the key.", e.message, variable(name)), ..e })
}

/// Names of the keys that there are.
///
/// # Errors
/// [`contract::Code::Network`] where the keychain cannot be read and the environment has none.
pub fn list() -> Result<KeyNames> {
    let of_environment = std::env::vars_os().filter_map(|(key, _)| Some(key.to_str()?.strip_prefix("ALIGNPRO_KEY_")?.to_ascii_lowercase()));
    let mut environment: Vec<String> = of_environment.collect();
    environment.sort();
    let mut keychain = match keychain::list() {
        // Those of the environment are all there is.
        Err(_) if !environment.is_empty() => Vec::new(),
        listed => listed?,
    };
    keychain.sort();
    keychain.dedup();
    Ok(KeyNames { keychain, environment })
}

/// Removes a key from the keychain; false where there was none.
pub fn remove(name: &str) -> Result<bool> {
    check(name)?;
    keychain::remove(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_variable() {
        assert_eq!(variable("my-host_2"), "ALIGNPRO_KEY_MY_HOST_2");
    }

    #[test]
    fn a_key_in_the_place_of_a_name_is_refused_and_not_repeated() {
        let error = find("sk-Secret123").err().unwrap();
        assert!(error.code == contract::Code::Spec && !error.message.contains("Secret123"), "{}", error.message);
    }
}
