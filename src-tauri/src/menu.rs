//! The menu bar. What its items do is done by the pages, which know the same actions by their keys (ui/src/lib/state/shortcuts.ts).
use tauri::menu::{AboutMetadata, Menu, MenuBuilder, MenuEvent, MenuItem, SubmenuBuilder};
use tauri::{AppHandle, Emitter, Wry};

/// Item and key of each action, by the name that the pages know it by.
const FILE: &[(&str, &str, &str)] = &[("new", "New Experiment", "N"), ("open", "Open Runs …", "O")];
const VIEW: &[(&str, &str, &str)] =
    &[("experiments", "Experiments", "1"), ("compare", "Compare", "3"), ("machine", "Machine and Models", "4"), ("palette", "Find …", "K")];
const TEXT: &[(&str, &str, &str)] =
    &[("larger", "Larger Text", "="), ("smaller", "Smaller Text", "-"), ("usual", "Usual Size of Text", "0")];

pub fn build(app: &AppHandle) -> tauri::Result<Menu<Wry>> {
    let item = |&(action, word, key): &(&str, &str, &str)| MenuItem::with_id(app, action, word, true, Some(format!("CmdOrCtrl+{key}")));
    let all = |items: &[(&str, &str, &str)]| items.iter().map(item).collect::<tauri::Result<Vec<_>>>();
    let mut file = SubmenuBuilder::new(app, "&File");
    for item in all(FILE)? {
        file = file.item(&item);
    }
    let settings = item(&("settings", "Settings", ","))?;
    let quit = item(&(QUIT, "Quit", "Q"))?;
    let file = file.separator().item(&settings).separator().item(&quit).build()?;
    let mut view = SubmenuBuilder::new(app, "&View");
    for item in all(VIEW)? {
        view = view.item(&item);
    }
    view = view.separator();
    for item in all(TEXT)? {
        view = view.item(&item);
    }
    let package = app.package_info();
    let about = AboutMetadata {
        version: Some(package.version.to_string()),
        comments: Some(package.description.into()),
        license: Some(env!("CARGO_PKG_LICENSE").into()),
        ..AboutMetadata::default()
    };
    let help = SubmenuBuilder::new(app, "&Help").about(Some(about)).build()?;
    let menu = MenuBuilder::new(app).item(&file);
    // There the keys for the clipboard come from the menu.
    #[cfg(target_os = "macos")]
    let menu = menu.item(&SubmenuBuilder::new(app, "Edit").undo().redo().separator().cut().copy().paste().select_all().build()?);
    menu.item(&view.build()?).item(&help).build()
}

const QUIT: &str = "quit";

pub fn chosen(app: &AppHandle, event: MenuEvent) {
    match event.id().as_ref() {
        QUIT => app.exit(0),
        // A window that is closing hears nothing.
        action => drop(app.emit("menu", action)),
    }
}
