//! The real window under a display of its own, driven by WebDriver.
use crate::Lab;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
pub use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything is waited for. Not a measure of speed: a machine that is busy may take long.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where the source of axe-core lies: what checks the pages' code also checks them as they are shown.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ui/node_modules/axe-core/axe.min.js");

const RUN_AXE: &str = "const done = arguments[arguments.length - 1];
    const places = (v) => v.nodes.map((node) => `\n    ${node.target}: ${node.any.concat(node.all, node.none).map((c) => c.message)}`);
    axe.run({ resultTypes: ['violations'] }).then(
        ({ violations }) => done(violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => v.id + places(v))),
        (thrown) => done([`axe-core: ${thrown}`]));";

/// A window and what shows it.
pub struct Window {
    pub client: Client,
    /// The display, the session bus and the home of the program.
    session: [(&'static str, OsString); 4],
    _driver: Group,
    _display: Group,
    _bus: Group,
}

/// A process and all that it started, ended together.
struct Group(Child);

impl Group {
    fn start(command: &mut Command) -> Self {
        let program = command.get_program().to_owned();
        Self(
            command
                .process_group(0)
                .spawn()
                .unwrap_or_else(|e| panic!("{program:?} cannot be started ({e}): run `make test`, which installs it")),
        )
    }

    /// The same, with the first line that it prints.
    fn answering(command: &mut Command) -> (Self, String) {
        let mut group = Self::start(command.stdout(Stdio::piped()).stderr(Stdio::null()));
        let mut line = String::new();
        BufReader::new(group.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (group, line.trim().to_owned())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

impl Window {
    /// Opens the program on the laboratory's home, in a window of this size, with these arguments.
    pub async fn open(lab: &Lab, program: &str, (width, height): (u32, u32), arguments: &[&str]) -> Self {
        let (display, number) =
            Group::answering(Command::new("Xvfb").args(["-displayfd", "1", "-screen", "0", "1920x1080x24", "-nolisten", "tcp"]));
        // A person's session has a window of its own, which would be shown instead of this one.
        let (bus, address) = Group::answering(Command::new("dbus-daemon").args(["--session", "--nofork", "--print-address"]));
        // Without a graphics card each frame of an animation is drawn by the processor, which the worker needs; and pictures hold still.
        lab.write("home/.config/gtk-3.0/settings.ini", "[Settings]\ngtk-enable-animations=0\n");
        let home = lab.path("home").into_os_string();
        let session = [
            ("DISPLAY", format!(":{number}").into()),
            ("DBUS_SESSION_BUS_ADDRESS", address.into()),
            ("ALIGNPRO_HOME", home.clone()),
            ("HOME", home),
        ];

        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let driver = Group::start(
            Command::new("WebKitWebDriver")
                .arg(format!("--port={port}"))
                // As tauri-driver sets it: the web view lets itself be driven.
                .env("TAURI_WEBVIEW_AUTOMATION", "true")
                // Drawn directly, as the program does it without a graphics card, WebKit gives no pictures to its driver.
                .env("WEBKIT_DISABLE_COMPOSITING_MODE", "0")
                .envs(session.clone())
                .env_remove("WAYLAND_DISPLAY")
                .env_remove("XDG_DATA_HOME")
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        let capabilities = serde_json::json!({ "webkitgtk:browserOptions": { "binary": program, "args": arguments } });
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities.as_object().unwrap().clone());
        let begun = Instant::now();
        let client = loop {
            match builder.connect(&format!("http://127.0.0.1:{port}")).await {
                Ok(client) => break client,
                Err(e) => assert!(begun.elapsed() < PATIENCE, "the window did not open: {e}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        client.set_window_size(width, height).await.unwrap();
        Self { client, session, _driver: driver, _display: display, _bus: bus }
    }

    /// Starts the program once more in the same session, as a double click on a file does. It must leave its work to this window and end.
    pub fn start_again(&self, program: &str, arguments: &[&str]) {
        let patience = PATIENCE.as_secs().to_string();
        let mut again = Command::new("timeout");
        again.args([&patience, program]).args(arguments).envs(self.session.clone()).env_remove("WAYLAND_DISPLAY").stderr(Stdio::null());
        let ended = again.status().unwrap();
        assert!(ended.success(), "the second start of {program} ended with {ended}");
    }

    /// Waits until the page holds a text.
    pub async fn sees(&self, text: &str) {
        self.until(&format!("{text:?} to appear"), |page| page.contains(text).then_some(())).await;
    }

    /// Waits until the page no longer holds a text.
    pub async fn misses(&self, text: &str) {
        self.until(&format!("{text:?} to go"), |page| (!page.contains(text)).then_some(())).await;
    }

    /// Waits until the page holds a number before these words, other than `known`; that number.
    pub async fn number(&self, words: &str, known: Option<usize>) -> usize {
        let read = |page: &str| page.split_once(words)?.0.rsplit(char::is_whitespace).next()?.parse().ok();
        self.until(&format!("a number before {words:?}"), |page| read(page).filter(|number| Some(*number) != known)).await
    }

    /// Waits until something is found in what the page shows.
    async fn until<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            let page = self.text().await;
            if let Some(found) = find(&page) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}; the page shows:\n{page}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the page shows.
    pub async fn text(&self) -> String {
        let text = self.client.execute("return document.body ? document.body.innerText : ''", vec![]).await.unwrap();
        text.as_str().unwrap_or_default().to_string()
    }

    /// Waits for a button, link, box or labelled choice of this name and clicks it.
    pub async fn click(&self, name: &str) {
        let kinds = "self::button or self::a or self::label or self::input";
        // A menu's item holds its word and the key that does the same.
        let named = format!("normalize-space(.)='{name}' or @aria-label='{name}' or (@role='menuitem' and span='{name}')");
        self.wait(&format!("//*[{kinds}][{named}][not(@disabled)]")).await.click().await.unwrap();
    }

    /// Goes to a page by a link to it.
    pub async fn follow(&self, place: &str) {
        self.wait(&format!("//a[contains(@href, '{place}')]")).await.click().await.unwrap();
    }

    /// Writes into the field of a spec's key, or of this name, over what is there.
    pub async fn fill(&self, field: &str, value: &str) {
        let field = self.field(field).await;
        // Not `clear`, which the page does not hear of.
        self.client.execute("arguments[0].focus(); arguments[0].select();", vec![serde_json::to_value(&field).unwrap()]).await.unwrap();
        field.send_keys(value).await.unwrap();
    }

    /// Presses a key in such a field.
    pub async fn press(&self, field: &str, key: Key) {
        self.field(field).await.send_keys(&key.to_string()).await.unwrap();
    }

    async fn field(&self, field: &str) -> Element {
        let key = field.replace(['.', '_'], "-");
        self.wait(&format!("//*[@id='field-{key}' or @aria-label='{field}' or @id=//label[.='{field}']/@for]")).await
    }

    async fn wait(&self, path: &str) -> Element {
        match self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(path)).await {
            Ok(found) => found,
            Err(e) => panic!("there is no {path} ({e}); the page shows:\n{}", self.text().await),
        }
    }

    /// What axe-core finds in the page that is serious or critical: each rule and where it is broken.
    pub async fn violations(&self) -> Vec<String> {
        let is_there = self.client.execute("return 'axe' in window", vec![]).await.unwrap();
        if is_there != true {
            let axe = std::fs::read_to_string(AXE).unwrap_or_else(|e| panic!("{AXE} ({e}): run `make test`, which brings it"));
            self.client.execute(&axe, vec![]).await.unwrap();
        }
        let found = self.client.execute_async(RUN_AXE, vec![]).await.unwrap();
        found.as_array().unwrap().iter().map(|violation| violation.as_str().unwrap().to_owned()).collect()
    }

    /// Writes what is seen as a PNG.
    pub async fn screenshot(&self, file: &Path) -> Result<(), CmdError> {
        let png = self.client.screenshot().await?;
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, png).unwrap();
        Ok(())
    }

    pub async fn close(self) {
        let _ = self.client.clone().close().await;
    }
}
