//! The real window under a display of its own, driven by WebDriver.
use crate::Lab;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything is waited for. Not a measure of speed: a machine that is busy may take long.
const PATIENCE: Duration = Duration::from_secs(300);

/// A window and what shows it.
pub struct Window {
    pub client: Client,
    _driver: Group,
    _display: Group,
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
        let mut display = Group::start(
            Command::new("Xvfb")
                .args(["-displayfd", "1", "-screen", "0", "1920x1080x24", "-nolisten", "tcp"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let mut number = String::new();
        BufReader::new(display.0.stdout.take().unwrap()).read_line(&mut number).unwrap();

        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let home = lab.path("home");
        let driver = Group::start(
            Command::new("WebKitWebDriver")
                .arg(format!("--port={port}"))
                .env("DISPLAY", format!(":{}", number.trim()))
                // As tauri-driver sets it: the web view lets itself be driven.
                .env("TAURI_WEBVIEW_AUTOMATION", "true")
                .env("ALIGNPRO_HOME", &home)
                .env("HOME", &home)
                // A person's session has a window of its own, which would be shown instead of this one.
                .env("DBUS_SESSION_BUS_ADDRESS", "disabled:")
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
        Self { client, _driver: driver, _display: display }
    }

    /// Waits until the page holds a text.
    pub async fn sees(&self, text: &str) {
        let begun = Instant::now();
        loop {
            let page = self.text().await;
            if page.contains(text) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{text:?} did not appear; the page shows:\n{page}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the page shows.
    pub async fn text(&self) -> String {
        let text = self.client.execute("return document.body ? document.body.innerText : ''", vec![]).await.unwrap();
        text.as_str().unwrap_or_default().to_string()
    }

    /// Waits for a button, link or labelled choice of this name and clicks it.
    pub async fn click(&self, name: &str) {
        self.wait(&format!(
            "//*[self::button or self::a or self::label][normalize-space(.)='{name}' or @aria-label='{name}'][not(@disabled)]"
        ))
        .await
        .click()
        .await
        .unwrap();
    }

    /// Goes to a page by a link to it.
    pub async fn follow(&self, place: &str) {
        self.wait(&format!("//a[contains(@href, '{place}')]")).await.click().await.unwrap();
    }

    /// Writes into the field of a spec's key, over what is there.
    pub async fn fill(&self, key: &str, value: &str) {
        let field = self.wait(&format!("//*[@id='field-{}']", key.replace(['.', '_'], "-"))).await;
        // Not `clear`, which the page does not hear of.
        self.client.execute("arguments[0].focus(); arguments[0].select();", vec![serde_json::to_value(&field).unwrap()]).await.unwrap();
        field.send_keys(value).await.unwrap();
    }

    async fn wait(&self, path: &str) -> Element {
        match self.client.wait().at_most(PATIENCE).for_element(Locator::XPath(path)).await {
            Ok(found) => found,
            Err(e) => panic!("there is no {path} ({e}); the page shows:\n{}", self.text().await),
        }
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
