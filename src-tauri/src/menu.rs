//! The menu bar. What its items do is done by the pages, which know the same actions by their keys (ui/src/lib/state/shortcuts.ts).
use tauri::menu::{AboutMetadata, Menu, MenuBuilder, MenuEvent, MenuItem, SubmenuBuilder};
use tauri::{AppHandle, Emitter, Wry};

/// Action, by the name that the pages know it by, words and key.
type Item = (&'static str, &'static str, &'static str);
const FILE: &[Item] = &[("new", "New Experiment", "N"), ("open", "Open Runs …", "O")];
const SETTINGS: &[Item] = &[("settings", "Settings", ",")];
const QUIT: &[Item] = &[("quit", "Quit", "Q")];
const VIEW: &[Item] = &[
    ("experiments", "Experiments", "1"),
    ("compare", "Compare", "3"),
    ("machine", "Machine and Models", "4"),
    ("theory", "Theory", "5"),
    ("rewards", "Rewards", "6"),
    ("palette", "Find …", "K"),
];
const TEXT: &[Item] = &[("larger", "Larger Text", "="), ("smaller", "Smaller Text", "-"), ("usual", "Usual Size of Text", "0")];

pub fn build(app: &AppHandle) -> tauri::Result<Menu<Wry>> {
    let submenu = |name: &str, parts: &[&[Item]]| {
        let mut submenu = SubmenuBuilder::new(app, name);
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                submenu = submenu.separator();
            }
            for (action, words, key) in *part {
                submenu = submenu.item(&MenuItem::with_id(app, *action, words, true, Some(format!("CmdOrCtrl+{key}")))?);
            }
        }
        submenu.build()
    };
    let package = app.package_info();
    let about = AboutMetadata {
        version: Some(package.version.to_string()),
        comments: Some(package.description.into()),
        license: Some(env!("CARGO_PKG_LICENSE").into()),
        ..AboutMetadata::default()
    };
    let help = SubmenuBuilder::new(app, "&Help").about(Some(about)).build()?;
    let menu = MenuBuilder::new(app).item(&submenu("&File", &[FILE, SETTINGS, QUIT])?);
    // There the keys for the clipboard come from the menu.
    #[cfg(target_os = "macos")]
    let menu = menu.item(&SubmenuBuilder::new(app, "Edit").undo().redo().separator().cut().copy().paste().select_all().build()?);
    menu.item(&submenu("&View", &[VIEW, TEXT])?).item(&help).build()
}

pub fn chosen(app: &AppHandle, event: MenuEvent) {
    match event.id().as_ref() {
        "quit" => app.exit(0),
        // A window that is closing hears nothing.
        action => drop(app.emit("menu", action)),
    }
}
