fn main() {
    // The window's pages are compiled in; tauri's own sentence about their absence names a macro.
    if !std::path::Path::new("../ui/dist/index.html").exists() {
        println!("cargo::error=ui/dist is not there: `make ui` builds the window's pages (Node 20), `make build` does all");
        return;
    }
    tauri_build::build();
}
