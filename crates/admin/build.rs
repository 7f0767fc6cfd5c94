//! Has this crate built again when the web UI has been: it is embedded.

fn main() {
    println!("cargo:rerun-if-changed=../../ui/dist");
}
