//! The keychain of a Linux desktop: the Secret Service (GNOME Keyring, KWallet, KeePassXC) on the session's bus.
//!
//! https://specifications.freedesktop.org/secret-service/: a session, items found by attributes, prompts where the keychain is locked. The session is
//! `plain`: what crosses is seen by this user's own processes alone, which may ask the keychain themselves.
use contract::{Error, Result};
use std::collections::HashMap;
use zbus::blocking::{Connection, Proxy};
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

const SERVICE: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
/// What all our items are found by.
const PROGRAM: (&str, &str) = ("application", "alignpro");
const NAME: &str = "name";
/// The place of an object that is not there.
const NOWHERE: &str = "/";

/// Session, parameters, the secret, its content type.
type Sent = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

struct Keychain {
    bus: Connection,
    session: OwnedObjectPath,
}

fn failed(error: zbus::Error) -> Error {
    Error::io("The system's keychain does not answer: there is no desktop session with a keyring service.").with_detail(error)
}

pub fn get(name: &str) -> Result<Option<String>> {
    let keychain = Keychain::open()?;
    let Some(item) = keychain.unlocked(name)?.into_iter().next() else { return Ok(None) };
    let (_, _, text, _): Sent = keychain.object(&item, "Item")?.call("GetSecret", &(&keychain.session,)).map_err(failed)?;
    let text = String::from_utf8(text).map_err(|_| Error::io(format!("What the keychain has under \"{name}\" is no text.")))?;
    Ok(Some(text))
}

pub fn set(name: &str, text: &str) -> Result<()> {
    let keychain = Keychain::open()?;
    let collection = keychain.collection()?;
    keychain.unlock(vec![collection.clone()])?;
    let attributes = attributes(Some(name));
    let properties: HashMap<&str, Value<'_>> = HashMap::from([
        ("org.freedesktop.Secret.Item.Label", Value::from(format!("Align-Pro Studio: {name}"))),
        ("org.freedesktop.Secret.Item.Attributes", Value::from(attributes)),
    ]);
    let secret = (&keychain.session, Vec::<u8>::new(), text.as_bytes().to_vec(), "text/plain");
    let (_, prompt): (OwnedObjectPath, OwnedObjectPath) =
        keychain.object(&collection, "Collection")?.call("CreateItem", &(properties, secret, true)).map_err(failed)?;
    keychain.confirm(&prompt).map(drop)
}

pub fn list() -> Result<Vec<String>> {
    let keychain = Keychain::open()?;
    let mut names = Vec::new();
    let (open, locked) = keychain.items(None)?;
    // What items are called can be read while they are locked.
    for item in open.into_iter().chain(locked) {
        let attributes: HashMap<String, String> = keychain.object(&item, "Item")?.get_property("Attributes").map_err(failed)?;
        names.extend(attributes.get(NAME).cloned());
    }
    Ok(names)
}

pub fn remove(name: &str) -> Result<bool> {
    let keychain = Keychain::open()?;
    let items = keychain.unlocked(name)?;
    for item in &items {
        let prompt: OwnedObjectPath = keychain.object(item, "Item")?.call("Delete", &()).map_err(failed)?;
        keychain.confirm(&prompt)?;
    }
    Ok(!items.is_empty())
}

fn attributes(name: Option<&str>) -> HashMap<&str, &str> {
    name.map(|name| (NAME, name)).into_iter().chain([PROGRAM]).collect()
}

impl Keychain {
    fn open() -> Result<Self> {
        let bus = Connection::session().map_err(failed)?;
        let service = Proxy::new(&bus, SERVICE, ROOT, "org.freedesktop.Secret.Service").map_err(failed)?;
        let (_, session): (OwnedValue, OwnedObjectPath) = service.call("OpenSession", &("plain", Value::from(""))).map_err(failed)?;
        drop(service);
        Ok(Self { bus, session })
    }

    fn object<'a>(&self, path: &'a OwnedObjectPath, interface: &str) -> Result<Proxy<'a>> {
        Proxy::new(&self.bus, SERVICE, path.as_ref(), format!("org.freedesktop.Secret.{interface}")).map_err(failed)
    }

    fn service(&self) -> Result<Proxy<'static>> {
        Proxy::new(&self.bus, SERVICE, ROOT, "org.freedesktop.Secret.Service").map_err(failed)
    }

    /// Where new items go.
    fn collection(&self) -> Result<OwnedObjectPath> {
        let found: OwnedObjectPath = self.service()?.call("ReadAlias", &("default",)).map_err(failed)?;
        if found.as_str() == NOWHERE {
            return Err(Error::io("The system's keychain has no place for keys yet: make a default keyring with its own program."));
        }
        Ok(found)
    }

    /// Our items of a name, or all: those that can be read, and those that are locked.
    fn items(&self, name: Option<&str>) -> Result<(Vec<OwnedObjectPath>, Vec<OwnedObjectPath>)> {
        self.service()?.call("SearchItems", &(attributes(name),)).map_err(failed)
    }

    /// Our items of a name.
    fn unlocked(&self, name: &str) -> Result<Vec<OwnedObjectPath>> {
        let (mut open, locked) = self.items(Some(name))?;
        if !locked.is_empty() {
            self.unlock(locked.clone())?;
            open.extend(locked);
        }
        Ok(open)
    }

    fn unlock(&self, objects: Vec<OwnedObjectPath>) -> Result<()> {
        let (_, prompt): (Vec<OwnedObjectPath>, OwnedObjectPath) = self.service()?.call("Unlock", &(objects,)).map_err(failed)?;
        self.confirm(&prompt)
    }

    /// Lets the keychain ask the person, where it wants to.
    fn confirm(&self, prompt: &OwnedObjectPath) -> Result<()> {
        if prompt.as_str() == NOWHERE {
            return Ok(());
        }
        let asking = self.object(prompt, "Prompt")?;
        // Listened for before it is asked: the answer may be quick.
        let mut answers = asking.receive_signal("Completed").map_err(failed)?;
        let _: () = asking.call("Prompt", &("",)).map_err(failed)?;
        let dismissed =
            answers.next().is_none_or(|answer| answer.body().deserialize::<(bool, OwnedValue)>().is_ok_and(|(dismissed, _)| dismissed));
        if dismissed { Err(Error::io("The keychain was not unlocked.")) } else { Ok(()) }
    }
}
