//! Embeds the window's configuration, its (empty) permissions and its icons.

fn main() {
    tauri_build::build();
}
